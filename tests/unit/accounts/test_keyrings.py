import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from switchyard.accounts.keyrings import KeyringEntry
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource


class Memory(KeyringBackend):
    """A keyring with one entry."""

    priority = 1  # type: ignore[assignment]
    locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("locked")
        return {("moonshot", "me"): "sk-kimi-1\n"}.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("the keyring is only read")

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("the keyring is only read")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    backend = Memory()
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


def entry(name: str) -> KeyringEntry:
    return KeyringEntry(CredentialSource.model_validate({"keyring": name}))


def test_an_entry_is_read(memory: Memory) -> None:
    assert entry("moonshot/me").read("").secret.get_secret_value() == "sk-kimi-1"


def test_an_entry_that_is_not_there(memory: Memory) -> None:
    with pytest.raises(SourceError, match="keyring set moonshot you") as caught:
        entry("moonshot/you").read("")
    assert caught.value.lasting


def test_a_keyring_that_is_locked(memory: Memory) -> None:
    memory.locked = True
    with pytest.raises(SourceError, match="KeyringLocked") as caught:
        entry("moonshot/me").read("")
    assert not caught.value.lasting
