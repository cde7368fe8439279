"""`scripts/keys` and `scripts/start generate-key`."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from switchyard import cli
from switchyard.clients.key_command import main
from switchyard.clients.key_command import state_of
from switchyard.clients.key_format import key_id
from switchyard.clients.key_table import KeyTable
from switchyard.config.load import load_config

BASE = (
    "providers: [{name: p, base-url: 'https://p.example/v1', api-key: secret-of-p, models: [m]}]\n"
)


class Command:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "switchyard.yaml"
        self.keys = folder / "keys.yaml"
        self._capsys = capsys

    def run(self, command: str, *words: str) -> str:
        assert main([command, "--config", str(self.config), *words], {}) == 0
        return self._capsys.readouterr().out

    def json(self, command: str, *words: str) -> Any:
        return json.loads(self.run(command, "--json", *words))

    def fail(self, command: str, *words: str) -> str:
        assert main([command, "--config", str(self.config), *words], {}) == 1
        return self._capsys.readouterr().err

    def table(self) -> KeyTable:
        return KeyTable(load_config(self.config, {}).clients)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    made = Command(tmp_path, capsys)
    made.config.write_text(
        BASE + "clients: {keys-file: keys.yaml, api-keys: [{name: x, key: clear-key-1}]}\n"
    )
    return made


def test_a_key_from_making_to_removal(command: Command) -> None:
    made = command.json(
        "generate", "ann", "models=[claude*]", "budgets.month=50 USD", "--tool", "claude"
    )
    key = made["key"]
    assert key_id(key) == made["id"] and made["environment"]["ANTHROPIC_AUTH_TOKEN"] == key
    found = command.table().find(key)
    assert found is not None and found.name == "ann" and not found.models.matches("gpt")
    assert stat.S_IMODE(command.keys.stat().st_mode) == 0o600

    command.run("block", "ann")
    assert command.json("list")[0]["state"] == "blocked"
    command.run("unblock", "ann")
    shown = command.json("set", made["id"], "concurrency=4", "models=")
    assert shown == {"id": made["id"], "state": "active", "name": "ann",
                     "budgets": {"month": "50 USD"}, "concurrency": 4}  # fmt: skip

    rotated = command.json("rotate", "ann", "--grace", "1h")
    assert rotated["id"] == made["id"] and rotated["key"] != key and rotated["previous-until"]
    assert command.table().find(key) is not None
    assert command.json("delete", "ann") == {"deleted": made["id"]}
    assert command.table().find(rotated["key"]) is None


def test_people_read_the_key_once(command: Command) -> None:
    said = command.run("generate", "ann", "--router", "https://llm.acme.example/")
    key = command_key(said)
    assert "export OPENAI_BASE_URL=https://llm.acme.example/v1" in said
    for after in (command.run("list"), command.run("show", "ann"), command.keys.read_text()):
        assert key not in after and key[-20:] not in after
    assert "accepted until" in command.run("rotate", "ann")


def command_key(said: str) -> str:
    return next(line.strip() for line in said.splitlines() if line.startswith("  sk-swy-"))


def test_without_a_keys_file_the_entry_is_shown(command: Command) -> None:
    command.config.write_text(BASE)
    said = command.run("generate", "ann", "concurrency=2", "budgets.month=50 USD")
    entry = said[said.index("clients:") :]
    command.config.write_text(BASE + entry)
    found = command.table().find(command_key(said))
    assert found is not None and (found.name, found.concurrency) == ("ann", 2)
    assert found.budgets.month == 50 * 10**9
    assert not command.keys.exists()
    assert "keys-file" in command.fail("list")
    entry = command.json("generate", "limits.requests=5/m")["entry"]
    assert entry["key-hash"].startswith("sha256:") and entry["limits"] == {"requests": "5/m"}


def test_problems_of_the_configuration_are_no_obstacle(command: Command) -> None:
    command.config.write_text("providers: 5\nclients: {keys-file: keys.yaml}\n")
    assert command.json("generate", "ann")["id"]


def test_what_is_wrong_is_reported(command: Command, tmp_path: Path) -> None:
    assert "taken" in command.fail("generate", "x"), "the main file has that name"
    assert "unknown key" in command.fail("generate", "ann", "modles=[m]")
    assert "no key has" in command.fail("show", "ann")
    assert not command.keys.exists()
    (tmp_path / "keys.yaml").mkdir()
    assert "keys.yaml" in command.fail("list")


@pytest.mark.parametrize("words", [["generate", "a", "b"], ["rotate", "a", "--grace", "x"], []])
def test_a_wrong_command_line(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words, {})
    assert caught.value.code == 2


def test_start_makes_keys_too(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["generate-key", "ann", "--config", str(command.config)]) == 0
    assert command.table().find(command_key(capsys.readouterr().out)) is not None
    assert cli.run(["keys", "list", "--config", str(command.config)]) == 0
    assert "ann" in capsys.readouterr().out


def test_an_expired_key_is_shown_as_such(command: Command) -> None:
    command.run("generate", "ann", "expires=2027-01-31")
    (found,) = [key for key in command.table() if key.name == "ann"]
    assert found.expires is not None
    end = found.expires.timestamp()
    assert [state_of(found, end - 1), state_of(found, end)] == ["active", "expired"]
    YAML(typ="safe").load(command.run("show", "ann"))


def test_a_configuration_that_is_no_yaml_is_said_to_be_none(command: Command) -> None:
    command.config.write_text("clients: {keys-file: keys.yaml\nproviders: [")
    for words in (["list"], ["generate", "ann"], ["block", "ann"]):
        assert "is not valid YAML" in command.fail(*words)
    assert command.run("list", "--file", str(command.keys))
