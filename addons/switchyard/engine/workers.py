"""Runs several processes behind one port, supervised by this one.

The system spreads new connections over the workers (SO_REUSEPORT). Limits, cooldowns, turns and
quotas they share by the state that the supervisor serves (`state_host`), or by Redis; idle
connections are each worker's own. A worker that dies, or whose event loop stands still, is replaced
by another one; SIGTERM and SIGINT stop all, and SIGHUP has new workers take the places of all.
"""

import asyncio
import contextlib
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from switchyard.engine.running_note import NoteWriter
from switchyard.engine.service_manager import VARIABLES
from switchyard.engine.supervisor_reports import SupervisorReports
from switchyard.engine.supervisor_reports import say
from switchyard.engine.terminal import has_terminal
from switchyard.engine.worker_sockets import WorkerSockets
from switchyard.listener.inherited import SOCKETS

MARK = "SWITCHYARD_WORKER"
"""Environment variable with the number of a worker, from 1."""

BEATS = "SWITCHYARD_WORKER_BEATS"
"""Environment variable: the pipe, by its number, into which a worker writes that it is well."""

STATE = "SWITCHYARD_STATE"
"""Environment variable of workers: where the supervisor serves the state that they share."""

BEATS_EVERY = 1.0
HUNG_AFTER = 15.0
"""Seconds without a beat after which a worker that has begun to serve is taken for hung."""
BEGINS_WITHIN = 300.0
"""Seconds within which a worker begins to serve, on however busy a machine."""

_LOOKS_EVERY = 1.0

STARTING = 60.0
"""Seconds within which a first worker's failure is taken for one of the start."""

PAUSE = 1.0
"""Seconds until a worker that died young is followed by another."""

STOPS_WITHIN = 15.0
"""Seconds within which a worker ends once no request may finish any more."""

_PR_SET_PDEATHSIG = 1


def reserve(host: str, port: int) -> socket.socket:
    """Take a port (0: any free one) for workers to share, without listening on it.

    Raises OSError if another process has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The workers' own option would let us in beside another router's workers.
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        # Others may have it, too, as long as nobody listens.
        probe.listen(1)
        port = probe.getsockname()[1]
    reserved = socket.socket(family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


def end_with_supervisor() -> None:
    """In a worker: end by signal when the supervisor is gone for any reason (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_WELL, _DRAINING = b".", b"~"
"""What a worker writes: that it is well, and that running requests may finish before it stops."""

_said = _WELL


def report_draining(on: bool) -> None:
    """In a worker: have the supervisor wait for its end as long as it drains."""
    global _said
    _said = _DRAINING if on else _WELL


def beat() -> None:
    """In a worker: report to the supervisor once a second that the event loop runs.

    Called on the loop.
    """
    handle = os.environ.get(BEATS, "")
    if not handle.isdecimal():
        return
    loop, pipe = asyncio.get_running_loop(), int(handle)
    os.set_inheritable(pipe, False)
    os.set_blocking(pipe, False)

    def tell() -> None:
        with contextlib.suppress(OSError):  # it does not read just now, or is gone
            os.write(pipe, _said)
        loop.call_later(BEATS_EVERY, tell)

    tell()


@dataclass(slots=True, eq=False)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    pipe: int
    """Where its beats are read."""
    since: float
    """When it was started; monotonic seconds, as all times here."""
    beat: float | None = None
    """When the last one was read; None as long as it has not begun to serve."""
    hung: bool = False
    drained: float = 0.0
    """When it last said that it drains."""
    is_new: bool = False
    """Whether it is to follow another one, and not all of its like serve yet."""
    retired: float | None = None
    """When it was told to end, since another one serves in its place."""


class Supervisor:
    """Runs `count` processes of `command`."""

    def __init__(
        self,
        count: int,
        command: Sequence[str],
        hung_after: float = HUNG_AFTER,
        variables: Mapping[str, str] | None = None,
        sockets: WorkerSockets | None = None,
        note: NoteWriter | None = None,
    ) -> None:
        """Supervise workers; one silent for `hung_after` seconds is killed and replaced.

        `variables` are added to their environment. `sockets` are those that they listen on, `note`
        tells other programs of this process.
        """
        self._variables = variables or {}
        self._sockets = sockets
        self._reports = SupervisorReports(note)
        self._had_terminal = has_terminal()
        self._asked = False
        """Whether SIGHUP asked for new workers."""
        self._command = command
        self._hung_after = hung_after
        self._began = time.monotonic()
        self._stopping: float | None = None
        """When the stop began."""
        self._status = 0
        self._workers: dict[int, _Worker] = {}
        """By their pids."""
        self._due: dict[int, float] = {}
        """By their numbers, when those are started that are to follow others."""
        self._numbers = range(1, count + 1)
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Return the exit status, after all have ended."""
        self._listen_for_signals()
        for number in self._numbers:
            self._start(number)
        while self._workers or self._due:
            self._read(self._selector.select(_LOOKS_EVERY))
            self._bury()
            self._renew()
            now = time.monotonic()
            self._reports.sign_of_life(now)
            for number in [number for number, due in self._due.items() if due <= now]:
                del self._due[number]
                self._start(number)
            for worker in self._workers.values():
                self._judge(worker, now)
        self._reports.close()
        return self._status

    def _listen_for_signals(self) -> None:
        """A signal wakes the selector up; what is to be done is done by the handlers."""
        woken, waker = os.pipe()
        for end in (woken, waker):
            os.set_blocking(end, False)
        self._selector.register(woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as by nohup
            signal.signal(signal.SIGHUP, self._hang_up)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._had_terminal and not has_terminal():
            self._stop(number, frame)
        else:
            self._asked = True

    def _renew(self) -> None:
        """Start new workers if that was asked for; end the old ones once all of them serve."""
        new = [worker for worker in self._workers.values() if worker.is_new]
        if self._stopping is not None:
            return
        if self._asked and not new:
            self._asked = False
            self._reports.begin_restart()
            self._due.clear()
            for number in self._numbers:
                self._start(number, is_new=True)
        elif new and all(worker.beat is not None for worker in new):
            self._reports.end_restart()
            for worker in self._workers.values():
                if not worker.is_new and worker.retired is None:
                    self._retire(worker)
                worker.is_new = False
        elif not new and all(worker.beat is not None for worker in self._workers.values()):
            self._reports.begin_service()

    def _retire(self, worker: _Worker) -> None:
        worker.retired = time.monotonic()
        _signal(worker, signal.SIGTERM)
        _signal(worker, signal.SIGCONT)

    def _keep_old(self, ended: _Worker) -> None:
        """Give a restart up in which a new worker ended."""
        how = _how(ended.process.returncode)
        self._reports.end_restart(f"the new worker {ended.number} ended ({how})")
        for worker in self._workers.values():
            if worker.is_new:
                worker.is_new = False
                self._retire(worker)
        served = {one.number for one in self._workers.values() if one.retired is None}
        self._due |= {number: 0.0 for number in self._numbers if number not in served}

    def _read(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, _ in ready:
            with contextlib.suppress(BlockingIOError):
                heard = os.read(key.fd, 4096)
                if isinstance(key.data, _Worker):
                    if heard:
                        key.data.beat = time.monotonic()
                        if heard.endswith(_DRAINING):
                            key.data.drained = key.data.beat
                    else:
                        self._selector.unregister(key.fd)  # it has ended, or is about to

    def _bury(self) -> None:
        """Take leave of the workers that have ended."""
        while True:
            try:
                pid, raw = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if (worker := self._workers.pop(pid, None)) is not None:
                worker.process.returncode = os.waitstatus_to_exitcode(raw)
                self._follow(worker)

    def _follow(self, worker: _Worker) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.pipe)
        os.close(worker.pipe)
        ended, now = worker.process.returncode, time.monotonic()
        if self._stopping is not None or worker.retired is not None:
            return
        if worker.is_new:
            self._keep_old(worker)
            return
        if self._sockets is not None:
            self._sockets.rest(worker.number)
        if ended > 0 and now - self._began < STARTING:
            # The configuration, or the port: it has said what is wrong.
            self._status = ended
            self._stop()
            return
        say(f"worker {worker.number} ended ({_how(ended)}); starting another one")
        self._due[worker.number] = now + (PAUSE if now - worker.since < STARTING else 0.0)

    def _judge(self, worker: _Worker, now: float) -> None:
        """End a worker whose event loop stands still: it would go on taking connections."""
        began = worker.beat is not None
        silent = now - (worker.beat if worker.beat is not None else worker.since)
        told = worker.retired if self._stopping is None else self._stopping
        if told is not None and not worker.hung:
            since = max(told, worker.drained)
            worker.hung = now - since > STOPS_WITHIN
            if worker.hung:
                _signal(worker, signal.SIGKILL)
        if worker.hung or silent < (self._hung_after if began else BEGINS_WITHIN):
            return
        worker.hung = True
        say(f"worker {worker.number} has not responded for {silent:.0f} s; killing it")
        _signal(worker, signal.SIGKILL)

    def _start(self, number: int, is_new: bool = False) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        sockets = self._sockets.of(number) if self._sockets is not None else []
        environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        own = {MARK: str(number), BEATS: str(writing), SOCKETS: ",".join(map(str, sockets))}
        process = subprocess.Popen(
            self._command,
            env={**environ, **self._variables, **own},
            start_new_session=True,
            pass_fds=(writing, *sockets),
        )
        os.close(writing)
        worker = _Worker(number, process, reading, time.monotonic(), is_new=is_new)
        self._workers[process.pid] = worker
        self._selector.register(reading, selectors.EVENT_READ, worker)

    def _stop(self, number: int = signal.SIGTERM, _frame: FrameType | None = None) -> None:
        """Pass a stop on: a first SIGTERM lets running requests finish, all else does not."""
        self._reports.begin_stop()
        first, self._stopping = self._stopping is None, self._stopping or time.monotonic()
        self._due.clear()
        passed_on = signal.SIGTERM if first and number == signal.SIGTERM else signal.SIGINT
        for worker in self._workers.values():
            _signal(worker, passed_on)
            _signal(worker, signal.SIGCONT)  # a stopped one would not receive it


def _signal(worker: _Worker, number: int) -> None:
    """Send a signal to a worker that is not waited for yet.

    `Popen.send_signal` would wait for one that has just ended, so that `_bury` never sees its end.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.process.pid, number)


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
