"""Tells logins apart without keeping them: a keyed hash, whose key stays in the usage folder."""

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

_FILE = "fingerprint.key"
_BYTES = 32


class Fingerprints:
    """Makes the fingerprint of a login; the same in every process that writes to a folder.

    Without a folder its key is made at once and lasts for the process.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = folder / _FILE if folder is not None else None
        self._key = secrets.token_bytes(_BYTES) if folder is None else None

    def load(self) -> None:
        """Read the key, or make one. Where the folder cannot be written, it lasts for the process.

        Blocks on the file.
        """
        if self._file is None:
            return
        try:
            self._key = _kept(self._file)
        except OSError:
            self._key = secrets.token_bytes(_BYTES)

    def of(self, login: str) -> str | None:
        """Return the fingerprint of a login; None as long as the key is not loaded."""
        if self._key is None:
            return None
        given = login.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(given, key=self._key, digest_size=5).hexdigest()


def _kept(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = file.with_name(f"{_FILE}.{os.getpid()}")
    with contextlib.suppress(FileExistsError):
        if not file.exists():
            handle = os.open(own, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            os.write(handle, secrets.token_bytes(_BYTES))
            os.close(handle)
            os.link(own, file)  # another process may have been faster
    own.unlink(missing_ok=True)
    key = file.read_bytes()
    if len(key) != _BYTES:
        raise OSError(f"{file} is no key")
    return key
