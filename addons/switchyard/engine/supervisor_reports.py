"""What a supervisor of workers tells: the log, the service manager and `switchyard restart`."""

import os
import sys
from dataclasses import replace

from switchyard.engine import service_manager
from switchyard.engine.running_note import NoteWriter
from switchyard.engine.running_note import RunningNote
from switchyard.engine.service_manager import notify


class SupervisorReports:
    """Reports each change once."""

    def __init__(self, writer: NoteWriter | None) -> None:
        """Keep a note of this process with `writer`, if there is one."""
        self._writer = writer
        self._note = RunningNote(os.getpid())
        self._serves = False
        self._every = service_manager.watchdog_every()
        self._next = 0.0

    def begin_service(self) -> None:
        """All workers serve; told once."""
        if not self._serves:
            self._serves = True
            notify(service_manager.READY)
            self._write()

    def begin_restart(self) -> None:
        """New workers begin."""
        say("restarting: new workers begin")
        notify(*service_manager.reloading())

    def end_restart(self, problem: str = "") -> None:
        """The new workers serve, or there is a problem."""
        if problem:
            say(f"not restarted: {problem}. The old ones go on")
        else:
            say("the new workers serve; the old ones end after their requests")
        notify(service_manager.READY)
        self._note = replace(self._note, attempts=self._note.attempts + 1, problem=problem)
        self._write()

    def begin_stop(self) -> None:
        """All workers are told to end."""
        notify(service_manager.STOPPING)

    def sign_of_life(self, now: float) -> None:
        """Tell the service manager that this process runs, if it watches; `now` is monotonic."""
        if self._every is not None and now >= self._next:
            self._next = now + self._every
            notify(service_manager.WATCHDOG)

    def close(self) -> None:
        """All workers have ended."""
        if self._writer is not None:
            self._writer.remove()

    def _write(self) -> None:
        if self._writer is not None:
            self._writer.write(self._note)


def say(message: str) -> None:
    """Write a line to the log of the supervisor, which is standard error."""
    print(f"switchyard: {message}", file=sys.stderr, flush=True)
