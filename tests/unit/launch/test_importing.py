"""`scripts/import`: files, options, what is printed, and what is never written over."""

import stat
from pathlib import Path

import pytest

from switchyard.launch.check import check
from switchyard.launch.importing import main
from tests.unit.importers.examples import CLAUDE_CODE_ROUTER
from tests.unit.importers.examples import CLIPROXYAPI
from tests.unit.importers.examples import SECRETS
from tests.unit.importers.examples import TEXTS
from tests.unit.importers.running import source_of

MASTER = "sk-master-of-all"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: folder)
    return folder


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("source", sorted(TEXTS))
def test_the_new_file_passes_the_check(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = put(tmp_path / "source", TEXTS[source])
    output = tmp_path / "new" / "config.yaml"
    assert main([source_of(source), str(file), "--output", str(output)], {}) == 0
    status, told = check(str(output), {})
    assert (status, "is right" in told) == (0, True), told
    printed = capsys.readouterr().out
    assert f"wrote {output}" in printed
    assert "Left out:" in printed
    for path in (output, output.with_name(".env")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    everything = printed + output.read_text()
    assert not [word for word in SECRETS if word in everything]


def test_without_a_source_it_looks_for_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], {}) == 1
    assert "no file of any other router found" in capsys.readouterr().err
    put(home / ".claude-code-router" / "config.json", CLAUDE_CODE_ROUTER)
    assert main([], {}) == 0
    assert (home / ".config" / "switchyard" / "config.yaml").exists()
    put(home / ".cli-proxy-api" / "config.yaml", CLIPROXYAPI)
    assert main(["--dry-run"], {}) == 1
    assert "scripts/import cliproxyapi" in capsys.readouterr().err
    assert main(["cliproxyapi", "--dry-run"], {}) == 0


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(tmp_path / "source", CLAUDE_CODE_ROUTER)
    output = put(tmp_path / "config.yaml", "mine")
    arguments = ["claude-code-router", str(file), "--output"]
    assert main([*arguments, str(output)], {}) == 1
    assert output.read_text() == "mine"
    other = tmp_path / "other.yaml"
    variables = put(tmp_path / ".env", "MINE=1")
    assert main([*arguments, str(other)], {}) == 1
    assert variables.read_text() == "MINE=1"
    assert not other.exists()
    assert "--inline-secrets" in capsys.readouterr().err
    assert main([*arguments, str(other), "--inline-secrets"], {}) == 0
    assert check(str(other), {})[0] == 0
    assert variables.read_text() == "MINE=1"


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = put(tmp_path / "source", CLAUDE_CODE_ROUTER)
    output = tmp_path / "new" / "config.yaml"
    assert main(["claude-code-router", str(file), "--output", str(output), "--dry-run"], {}) == 0
    printed = capsys.readouterr().out
    assert "providers:" in printed
    assert "default: combo default matches" in printed
    assert "set these variables before the start: DEEPSEEK_KEY" in printed
    assert not output.parent.exists()


def test_what_cannot_be_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = put(tmp_path / "empty.json", "{}")
    arguments = ["claude-code-router", str(empty), "--output", str(tmp_path / "x.yaml")]
    assert main(arguments, {}) == 1
    assert "nothing is written" in capsys.readouterr().err
    broken = put(tmp_path / "broken.json", "just words")
    assert main(["claude-code-router", str(broken), "--dry-run"], {}) == 1
    assert "no mapping" in capsys.readouterr().err
    assert main(["cliproxyapi", str(empty), "--dry-run", "--url", "https://x.example"], {}) == 1
    assert "alone, not for cliproxyapi" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["no-such-router"], {})
