"""Follows the credential file of another tool: it is read, and never written or locked.

The tool that owns the file refreshes its token. A second one that refreshed it would log the tool
out, since providers let a refresh token be used once.
"""

import time
from collections.abc import Callable
from pathlib import Path

from switchyard.accounts.reading import read_token
from switchyard.accounts.token import SourceError
from switchyard.accounts.token import Token
from switchyard.config.credentials import CredentialSource
from switchyard.values.files import read_regular

_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)
"""Seconds between readings of a file that its owner is just writing."""


class FollowedFile:
    """The reader of one `{file: PATH}`. Used by one thread at a time."""

    def __init__(
        self, source: CredentialSource, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        assert source.file is not None
        self._source = source
        self._path = Path(source.file)
        self._sleep = sleep
        self._seen: object = None

    def read(self, refused: str) -> Token:
        """Return the token in the file. Raises SourceError if there is none, or an expired one.

        `refused` is a value that the provider refuses; the owner may be about to replace it.
        """
        for pause in _PAUSES:
            try:
                token = self._read_once()
            except SourceError as error:
                if error.lasting:
                    raise
            else:
                if token.secret.get_secret_value() != refused:
                    return self._unexpired(token)
            self._sleep(pause)
        return self._unexpired(self._read_once())

    def has_changed(self) -> bool:
        """Whether the file is another one than the one read last."""
        return self._look() != self._seen

    def _read_once(self) -> Token:
        # Looked at before reading: what is written meanwhile differs again afterwards.
        self._seen = self._look()
        try:
            content = read_regular(self._path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise SourceError(
                f"cannot be read: {why}. Log in with the tool that owns it",
                lasting=not isinstance(error, FileNotFoundError),
            ) from None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SourceError("is no text") from None
        return read_token(text, self._source)

    def _unexpired(self, token: Token) -> Token:
        if token.is_expired(time.time()):
            raise SourceError(
                "holds an expired token. Run the tool that owns it, which renews it", lasting=True
            )
        return token

    def _look(self) -> object:
        try:
            about = self._path.stat()
        except OSError:
            return None
        return about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino
