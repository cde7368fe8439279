import logging
from pathlib import Path

import keyring
import pytest
from keyring.errors import KeyringLocked

from switchyard.config.reload import ConfigSource
from switchyard.config.sealed_secrets import age_library
from switchyard.config.sealed_secrets import device_key_file
from switchyard.config.sealed_secrets import sealed
from switchyard.config.variables import KEYRING
from switchyard.config.variables import completed_variables
from switchyard.config.variables import variables_beside

ENTRIES = {("router", "RING"): "of-the-ring", ("router", "SECRET"): "of-the-ring"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that the keyring was asked for."""
    names: list[str] = []

    def get_password(service: str, name: str) -> str | None:
        names.append(name)
        return ENTRIES.get((service, name))

    monkeypatch.setattr(keyring, "get_password", get_password)
    return names


@pytest.fixture
def recipient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    identity = age_library().x25519.Identity.generate()
    device_key_file().parent.mkdir(parents=True)
    device_key_file().write_text(f"{identity}\n")
    return str(identity.to_public())


def test_the_order(tmp_path: Path, recipient: str, asked: list[str]) -> None:
    names = ("ENV", "DOTENV", "SECRET", "RING", "NONE")
    (tmp_path / ".env").write_text("ENV=dotenv\nDOTENV=dotenv\n")
    secrets = {"ENV": "secret", "DOTENV": "secret", "SECRET": "secret"}
    (tmp_path / "secrets.age").write_bytes(sealed(secrets, [recipient]))
    found = variables_beside(tmp_path / ".env", {"ENV": "env", KEYRING: "router", "SECRET": ""})
    assert [found.get(name) for name in names] == ["env", "dotenv", "secret", "of-the-ring", None]
    assert [found.get(name) for name in names][4] is None
    assert asked == ["RING", "NONE"]
    assert set(found) == {"ENV", "DOTENV", "SECRET", KEYRING}


def test_no_keyring_is_asked_unless_it_is_named(asked: list[str]) -> None:
    assert completed_variables({"A": ""}, {}).get("RING") is None
    assert asked == []


def test_an_empty_variable_stays_empty(asked: list[str]) -> None:
    variables = completed_variables({KEYRING: "router", "EMPTY": ""}, {})
    assert variables["EMPTY"] == ""
    assert len(variables) == 2
    with pytest.raises(KeyError):
        variables["NONE"]


def test_a_locked_keyring_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def locked(_: str, name: str) -> str:
        calls.append(name)
        raise KeyringLocked

    monkeypatch.setattr(keyring, "get_password", locked)
    variables = completed_variables({KEYRING: "router"}, {})
    with caplog.at_level(logging.WARNING):
        assert [variables.get(name) for name in ("A", "B")] == [None, None]
    assert calls == ["A"]
    assert "the keyring cannot be read: KeyringLocked" in caplog.text


def test_a_keyring_without_its_library(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    assert completed_variables({KEYRING: "router"}, {}).get("A") is None
    assert "pip install 'switchyard[keyring]'" in caplog.text


def test_a_change_of_the_secrets_is_a_change_of_the_configuration(
    tmp_path: Path, recipient: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("providers: [{preset: openai, api-key: '${MINE}'}]\n")
    (tmp_path / "secrets.age").write_bytes(sealed({"MINE": "sk-first-0123456789"}, [recipient]))
    source = ConfigSource(file, {})
    source.load()
    assert source.poll() is None
    (tmp_path / "secrets.age").write_bytes(sealed({"MINE": "sk-other-0123456789"}, [recipient]))
    config = source.poll()
    assert config is not None and not isinstance(config, Exception)
    key = config.providers[0].api_key_entries[0].api_key
    assert "sk-other" in key.get_secret_value()  # type: ignore[union-attr]
