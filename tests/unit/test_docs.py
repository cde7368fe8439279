"""Every block of README and docs is a configuration that starts, or a known command."""

import importlib
import os
import re
import shlex
from pathlib import Path

import pytest
import trustme
from mitmproxy.addons.dumper import Dumper
from mitmproxy.addons.script import ScriptLoader
from mitmproxy.addons.upstream_auth import UpstreamAuth
from mitmproxy.proxy import mode_specs
from mitmproxy.test import taddons
from mitmproxy.tools import cmdline
from ruamel.yaml import YAML

from switchyard.config.load import parse_config
from switchyard.files import DEFAULT_CONFIG
from switchyard.files import SHIPPED
from switchyard.launch.dispatch import COMMANDS
from switchyard.launch.dispatch import command_of
from switchyard.launch.options import plan_launch
from switchyard.launch.unknown_options import explained
from switchyard.routing.catalog import Catalog

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```yaml$(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a block without providers stands beside: the names that the pages use.
BASE = {
    "providers": [
        {"preset": "anthropic"},
        {"preset": "openrouter"},
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


SHELL = re.compile(r"^```sh$(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = [
    pytest.param(line, id=f"{page.relative_to(ROOT)}: {line[:60]}")
    for page in PAGES
    for block in SHELL.findall(page.read_text())
    for line in block.strip().replace("\\\n", " ").splitlines()
    if line.strip()
]
ELSEWHERE = {
    *("curl", "docker", "claude", "some-tool", "pip", "pipx", "uv", "mitmdump", "python3"),
    *("install", "systemctl", "journalctl", "nginx", "caddy", "kubectl", "helm"),
}
"""Commands that are no part of the project."""


@pytest.mark.parametrize("line", LINES)
def test_a_command_is_one_that_is_understood(line: str) -> None:
    """README's are run as they are: tests/integration/scripts/test_first_hour.py. Some of the
    others need root, a device or half an hour."""
    words = shlex.split(line, comments=True)
    while words and (words[0] == "sudo" or "=" in words[0]):
        words.pop(0)
    if words[0] in ELSEWHERE:
        return
    if words[0] == "switchyard":
        command, *arguments = words[1:] or ["start"]
    else:
        script, *arguments = words
        assert os.access(ROOT / script, os.X_OK), script
        command = script.removeprefix("scripts/")
    if named := command_of(arguments if command == "start" else [command, *arguments]):
        command, *arguments = named
    if command == "start":
        launch = plan_launch(arguments, {})
        make_parser = explained(cmdline.mitmdump, "x", ())
        with taddons.context(ScriptLoader(), Dumper(), UpstreamAuth()) as context:
            options = make_parser(context.options).parse_args(launch.arguments)
        assert all(map(mode_specs.ProxyMode.parse, options.mode or ()))
    elif command in COMMANDS:
        module = importlib.import_module(COMMANDS[command].module)
        if hasattr(module, "make_parser"):
            module.make_parser().parse_args(arguments)
        else:
            assert not arguments
    elif command == "bench":
        known = (ROOT / "scripts" / "benchmark" / "__main__.py").read_text()
        assert all(f'"{word}"' in known for word in arguments if word.startswith("--"))
    else:
        assert (command, arguments) == ("test", []), f"no test knows {line}"


NAME = re.compile(r"`((?:demo|openai|anthropic|openrouter|gemini)/[\w./-]+)`")


def test_the_names_that_readme_gives_can_be_asked_for() -> None:
    """With a provider's key set and nothing else, as README says."""
    env = dict.fromkeys(VARIABLE.findall(PRESETS), "some-long-value")
    config = parse_config(DEFAULT_CONFIG.read_bytes(), DEFAULT_CONFIG, env)
    catalog = Catalog(config, {})
    names = NAME.findall((ROOT / "README.md").read_text())
    assert len(names) >= 4
    for name in names:
        assert catalog.resolve(name).targets[0].provider.name == name.partition("/")[0]
