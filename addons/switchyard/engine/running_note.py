"""The note by which `switchyard restart` finds a router, and learns how a restart went.

A file of JSON in the state folder. Its writer holds a lock on it as long as it runs, so that a note
that a killed process left behind is known as such.
"""

import contextlib
import fcntl
import json
import os
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunningNote:
    """What a router notes of itself."""

    pid: int
    hands_over: bool = True
    """Whether SIGHUP has another process take its place."""
    attempts: int = 0
    """Restarts that were asked of this process and are over."""
    problem: str = ""
    """Why the last one failed; empty if it did not."""


class NoteWriter:
    """Writes the note of one process, and removes it."""

    def __init__(self, file: Path) -> None:
        """Write to `file`, whose folder is made where it is missing."""
        self._file = file
        self._lock: int | None = None

    def write(self, note: RunningNote) -> bool:
        """Put the note in the place of the last one; return whether that was possible."""
        fresh = self._file.with_suffix(f".{os.getpid()}")
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            os.write(handle, json.dumps(asdict(note)).encode())
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fresh.replace(self._file)
        except OSError:
            os.close(handle)
            return False
        self._let_go()
        self._lock = handle
        return True

    def remove(self) -> None:
        """Remove the note, unless another process has put its own there."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(self._lock), self._file.stat()):
                self._file.unlink()
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def read_note(file: Path) -> RunningNote | None:
    """Return the note of a process that runs; None where there is none."""
    try:
        with file.open("rb") as opened:
            text = opened.read()
            try:
                fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return RunningNote(**json.loads(text))
    except (OSError, ValueError, TypeError):
        pass
    return None
