"""Tells which writers of a folder still run."""

import contextlib
import fcntl
import os
from pathlib import Path


class WriterLock:
    """Marks a writer of a folder as running, by a lock that ends with its process."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / "writers"
        self.name = name
        self._handle: int | None = None

    def take(self) -> None:
        """Take the lock, unless it is held already. Raises OSError."""
        if self._handle is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._folder / self.name, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        self._handle = handle

    def is_alive(self, name: str) -> bool:
        """Return whether the writer of a name still runs; forget it if not."""
        if name == self.name:
            return True
        file = self._folder / name
        try:
            handle = os.open(file, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        with contextlib.suppress(OSError):
            file.unlink()
        return False

    def release(self) -> None:
        """Give the lock back, and remove its file."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink()
            os.close(self._handle)
            self._handle = None
