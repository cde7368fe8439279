"""Keeps accounts on disk: a file each, for its owner alone.

A file is replaced as a whole and is on the disk before it counts. Who changes an account holds its
lock, which the system releases with the process that held it. All processes of a host, and hosts
that share the folder by a file system with locks (NFS 4), agree by it.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from switchyard.accounts.record import AccountRecord
from switchyard.accounts.record import RecordError
from switchyard.files import IS_INSTALLED
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private
from switchyard.values.folders import state_folder

REF = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:/(?P<label>[A-Za-z0-9][A-Za-z0-9._-]*))?")
"""What an account is called: the name of its flow, and its label."""

LOCK_WITHIN = 90.0
"""Seconds to wait for a lock: longer than a refresh may take."""
_LOOK_EVERY = 0.05


class AccountStoreError(Exception):
    """An account cannot be read, saved or locked. Holds no secret."""


def accounts_folder(environ: Mapping[str, str]) -> Path:
    """Return where accounts are kept: `$SWITCHYARD_ACCOUNTS_DIR`, or below `XDG_STATE_HOME`."""
    named = environ.get("SWITCHYARD_ACCOUNTS_DIR")
    return Path(named) if named else state_folder() / "accounts"


def login_words(ref: str) -> str:
    """What a user types to log in to an account."""
    return f"{'switchyard login' if IS_INSTALLED else 'scripts/login'} {ref}"


def split_ref(ref: str) -> tuple[str, str]:
    """Return name and label of an account. Raises ValueError."""
    if (found := REF.fullmatch(ref)) is None:
        raise ValueError("it must be NAME or NAME/LABEL, of letters, digits, dots and dashes")
    return found["name"], found["label"] or ""


class AccountStore:
    """The accounts in one folder. May be used by several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, ref: str) -> Path:
        """The file of an account. A slash becomes `@`, which is in no name."""
        return self._folder / f"{ref.replace('/', '@')}.json"

    def load(self, ref: str) -> AccountRecord | None:
        """Return an account; None if there is none. Raises AccountStoreError."""
        try:
            content = read_regular(self.path(ref))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AccountStoreError(f"cannot be read: {error.strerror}") from None
        try:
            return AccountRecord.from_json(content.decode())
        except (RecordError, UnicodeDecodeError) as error:
            raise AccountStoreError(f"cannot be read from {self.path(ref)}: {error}") from None

    def save(self, record: AccountRecord) -> None:
        """Keep an account; a crash leaves the old one or the new one. Raises AccountStoreError."""
        path = self.path(record.ref)
        try:
            self._make_folder()
            replace_private(path, record.as_json().encode())
        except OSError as error:
            raise AccountStoreError(f"cannot be saved: {error.strerror}") from None

    def delete(self, ref: str) -> bool:
        """Remove an account; return whether there was one."""
        try:
            self.path(ref).unlink()
        except FileNotFoundError:
            return False
        return True

    def refs(self) -> list[str]:
        """What the accounts in the folder are called, sorted."""
        names = (path.stem.replace("@", "/", 1) for path in self._folder.glob("*.json"))
        return sorted(name for name in names if REF.fullmatch(name))

    def look(self, ref: str) -> object:
        """What changes whenever an account is saved or removed."""
        try:
            about = self.path(ref).stat()
        except OSError:
            return None
        return about.st_mtime_ns, about.st_size, about.st_ino

    @contextmanager
    def lock(
        self, ref: str, within: float = LOCK_WITHIN, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[None]:
        """Hold the lock of an account. Raises AccountStoreError if others hold it for too long."""
        try:
            self._make_folder()
            path = self.path(ref).with_suffix(".lock")
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AccountStoreError(f"cannot be locked: {error.strerror}") from None
        try:
            until = time.monotonic() + within
            while not _try_lock(handle):
                if time.monotonic() >= until:
                    raise AccountStoreError("is being refreshed by another process, without an end")
                sleep(_LOOK_EVERY)
            yield
        finally:
            os.close(handle)  # which ends the lock as well

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._folder.stat().st_mode & 0o077:
            self._folder.chmod(0o700)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
