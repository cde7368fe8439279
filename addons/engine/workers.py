"""Several processes behind one port, watched over by this one.

The system spreads new connections over the workers (SO_REUSEPORT). They share nothing else: each
has its own cooldowns, turns, quotas and idle connections. A worker that dies is followed by another
one; SIGTERM and SIGINT stop all. The supervisor needs nothing installed.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

MARK = "SWITCHYARD_WORKER"
"""Environment variable that tells a process which worker it is, from 1."""

STARTING = 60.0
"""Seconds within which a first worker's failure is taken for one of the start."""

PAUSE = 1.0
"""Seconds until a worker that died young is followed by another."""

STOPS_WITHIN = 15.0

_PR_SET_PDEATHSIG = 1


def reserve(host: str, port: int) -> socket.socket:
    """Take a port (any free one for 0) for workers to share; nobody connects to the socket itself.

    Raises OSError if somebody else has it.
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
    """In a worker: be told to stop when the supervisor is gone, however it went (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Runs `count` processes of `command`."""

    def __init__(self, count: int, command: Sequence[str]) -> None:
        self._command = command
        self._began = time.monotonic()
        self._stopping = False
        self._workers: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._numbers = range(1, count + 1)

    def run(self) -> int:
        """Return the exit status, after all have ended."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for number in self._numbers:
            self._start(number)
        status = 0
        while self._workers:
            try:
                pid, raw = os.wait()
            except ChildProcessError:
                break
            number = next((n for n, (p, _) in self._workers.items() if p.pid == pid), None)
            if number is None:
                continue
            ended = os.waitstatus_to_exitcode(raw)
            process, since = self._workers.pop(number)
            process.returncode = ended
            if self._stopping:
                continue
            if ended > 0 and time.monotonic() - self._began < STARTING:
                # The configuration, or the port: it has said what is wrong.
                status = ended
                self._stop()
                continue
            say(f"worker {number} ended ({_how(ended)}); another one takes its place")
            if time.monotonic() - since < STARTING:
                time.sleep(PAUSE)
            if not self._stopping:
                self._start(number)
        return status

    def _start(self, number: int) -> None:
        process = subprocess.Popen(
            self._command, env={**os.environ, MARK: str(number)}, start_new_session=True
        )
        self._workers[number] = process, time.monotonic()

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        if self._stopping:
            return
        self._stopping = True
        for process, _ in self._workers.values():
            process.send_signal(signal.SIGTERM)
        signal.signal(signal.SIGALRM, self._kill)
        signal.setitimer(signal.ITIMER_REAL, STOPS_WITHIN)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        for process, _ in self._workers.values():
            process.kill()


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"


def say(message: str) -> None:
    print(f"switchyard: {message}", file=sys.stderr, flush=True)
