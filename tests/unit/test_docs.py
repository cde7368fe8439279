"""Every YAML block of README and docs is a configuration that starts, or a part of one."""

import re
from pathlib import Path

import pytest
import trustme
from ruamel.yaml import YAML

from switchyard.config.load import parse_config
from switchyard.files import SHIPPED

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```yaml$(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a block without providers stands beside: the names that the pages use.
BASE = {
    "providers": [
        {"preset": "anthropic"},
        {"preset": "openrouter", "name": "or"},
        {"preset": "zai-coding", "name": "glm"},
    ],
    "combos": {"my-coding-stack": ["anthropic/claude-sonnet-4-5", "glm/glm-4.7"]},
}

BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text()), 1)
]


VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
PRESETS = "".join(file.read_text() for file in (SHIPPED / "presets").glob("*.yaml"))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_a_configuration(block: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "corp-ca.pem")
    authority.issue_cert("me.example").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "me.pem"
    )
    data = YAML(typ="safe").load(block)
    if "providers" not in data:
        data = BASE | data
    file = tmp_path / "switchyard.yaml"
    with file.open("w") as writing:
        YAML().dump(data, writing)
    variables = VARIABLE.findall(block + PRESETS)
    config = parse_config(file.read_bytes(), file, dict.fromkeys(variables, "some-long-value"))
    assert config.providers
