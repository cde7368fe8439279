"""docs/translation.md is what the table of losses says."""

import subprocess
import sys
from pathlib import Path

from scripts.translation_doc import document
from switchyard.wire.registry import FORMATS

ROOT = Path(__file__).resolve().parents[3]


def test_the_committed_document_is_the_printed_one() -> None:
    script = ROOT / "scripts" / "translation_doc.py"
    printed = subprocess.run(
        [sys.executable, str(script)], capture_output=True, check=True, text=True, cwd="/"
    ).stdout
    committed = (ROOT / "docs" / "translation.md").read_text()
    assert committed == printed, "run: scripts/docs"


def test_every_format_and_every_loss_is_told() -> None:
    text = document()
    for name in FORMATS:
        section = text.split(f"### `{name}`\n")[1].split("###")[0]
        for feature, why in FORMATS[name].losses.cannot_say.items():
            assert f"| `{feature}` | {why} |" in section
