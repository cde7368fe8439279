"""Storage in a folder that several devices mount, or that another program carries over."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switchyard.sync.errors import RemoteChanged
from switchyard.sync.errors import SyncError
from switchyard.sync.parcel import MOST_PARCEL_BYTES
from switchyard.sync.parcel import digest_of
from switchyard.values.files import read_regular
from switchyard.values.files import replace_private


class FolderStorage:
    """The files of a folder. The mark of a version is its SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> tuple[bytes, str] | None:
        """See ObjectStorage."""
        try:
            content = read_regular(self._folder / name, MOST_PARCEL_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise SyncError(f"{self._folder / name} cannot be read: {error.strerror}") from None
        return content, digest_of(content)

    def put(self, name: str, content: bytes) -> None:
        """See ObjectStorage."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_private(self._folder / name, content)
        except OSError as error:
            raise SyncError(f"{self._folder} cannot be written: {error.strerror}") from None

    def swap(self, name: str, content: bytes, known: str | None) -> None:
        """See ObjectStorage. Two devices that mount one disk agree by a lock."""
        with self._alone():
            there = self.get(name)
            if (there[1] if there else None) != known:
                raise RemoteChanged
            self.put(name, content)

    def remove(self, name: str) -> None:
        """See ObjectStorage."""
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise SyncError(f"{self._folder / name} cannot be removed: {error.strerror}") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = -1
        try:
            handle = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if handle < 0:
                raise SyncError(f"{self._folder} cannot be opened: {error.strerror}") from None
            # Some network file systems lock no folders; what changed is still noticed.
        try:
            yield
        finally:
            os.close(handle)
