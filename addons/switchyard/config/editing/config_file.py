"""Reads and replaces a configuration file as a whole, and keeps its versions."""

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from switchyard.values.files import read_regular

MOST_VERSIONS = 50

_VERSION = re.compile(r"(\d{13})-([0-9a-f]{16})\.yaml")


class Stale(Exception):
    """The file has another content than the writer knew."""


class ReadOnly(OSError):
    """The file cannot be replaced where it lies."""


@dataclass(frozen=True, slots=True)
class FileVersion:
    """An earlier content of the file, or the present one."""

    id: str
    at: float
    """When it was kept, in Unix seconds."""
    etag: str


def etag_of(content: bytes) -> str:
    """Returns what names a content: the begin of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:32]


class ConfigFile:
    """A configuration file. Links are followed; every method blocks on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = Path(os.path.realpath(path))
        self._history = self._real.parent / ".switchyard" / "history" / self._real.name

    def read(self) -> bytes:
        """Returns the content; none where there is no file yet. Raises OSError."""
        try:
            return read_regular(self._real)
        except FileNotFoundError:
            return b""

    def write(self, content: bytes, known: str | None) -> None:
        """Replaces the content, if the present one is `known` (None: whatever it is).

        The file is complete at every moment: the new one is written beside it, to the disk, and
        then takes its name. Mode and owner stay. Raises Stale, ReadOnly and OSError.
        """
        with self._alone():
            before = self.read()
            if known is not None and etag_of(before) != known:
                raise Stale
            if before == content:
                return
            if before:
                self._keep(before)
            self._replace(content)
            with contextlib.suppress(OSError):  # a full disk; the next change keeps it as `before`
                self._keep(content)

    def versions(self) -> list[FileVersion]:
        """Returns the versions that are kept, the latest first."""
        if not self._history.is_dir():
            return []
        found = sorted((one.name for one in self._history.iterdir()), reverse=True)
        return [
            FileVersion(f"{match[1]}-{match[2]}", int(match[1]) / 1000, match[2])
            for name in found
            if (match := _VERSION.fullmatch(name))
        ]

    def version(self, id: str) -> bytes | None:
        """Returns the content of a version; None if there is none. Raises OSError."""
        if not _VERSION.fullmatch(f"{id}.yaml"):
            return None
        try:
            return read_regular(self._history / f"{id}.yaml")
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds a lock among all processes that write the file through this class."""
        try:
            self._history.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._history / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as e:
            raise ReadOnly(e.errno, f"its folder cannot be written: {e.strerror}") from e
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, content: bytes) -> None:
        folder = self._real.parent
        beside = folder / f".{self._real.name}.{secrets.token_hex(6)}"
        try:
            about = self._real.stat() if self._real.exists() else None
            if about is not None and not os.access(self._real, os.W_OK):
                raise ReadOnly(13, "it is read-only")
            handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if about is not None:
                    os.fchmod(handle, about.st_mode & 0o7777)
                    with contextlib.suppress(PermissionError):
                        os.fchown(handle, about.st_uid, about.st_gid)
                file.flush()
                os.fsync(handle)
            os.rename(beside, self._real)
        except OSError as e:
            with contextlib.suppress(OSError):
                beside.unlink()
            if isinstance(e, ReadOnly):
                raise
            raise ReadOnly(e.errno, f"it cannot be replaced: {e.strerror}") from e
        _sync_folder(folder)

    def _keep(self, content: bytes) -> None:
        """Keeps a content as the latest version, unless it is that already."""
        versions, etag = self.versions(), etag_of(content)[:16]
        if versions and versions[0].etag == etag:
            return
        at = max(int(time.time() * 1000), int(versions[0].at * 1000) + 1 if versions else 0)
        file = self._history / f"{at:013d}-{etag}.yaml"
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
        except OSError:
            file.unlink(missing_ok=True)  # nobody shall restore half a file
            raise
        for old in versions[MOST_VERSIONS - 1 :]:
            with contextlib.suppress(OSError):
                (self._history / f"{old.id}.yaml").unlink()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems have no such thing
            os.fsync(handle)
    finally:
        os.close(handle)
