"""Reads credentials from the system's keyring, by the library keyring (optional extra)."""

import time

from switchyard.accounts.reading import sendable
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import CredentialSource


class KeyringEntry:
    """The reader of one `{keyring: service/user}`."""

    def __init__(self, source: CredentialSource) -> None:
        assert source.keyring is not None
        self._service, _, self._user = source.keyring.partition("/")
        self._ttl = source.ttl

    def read(self, refused: str) -> Token:
        """Return the password of the entry, for `ttl` seconds. Raises SourceError."""
        import keyring
        from keyring.errors import KeyringError

        try:
            password = keyring.get_password(self._service, self._user)
        except KeyringError as error:
            raise SourceError(f"cannot be read: {type(error).__name__}. Unlock it") from None
        if password is None:
            hint = f"Store it: keyring set {self._service} {self._user}"
            raise SourceError(f"has no such entry. {hint}", lasting=True)
        return Token(sendable(password.strip()), time.time() + self._ttl, life=self._ttl)

    def has_changed(self) -> bool:
        return False
