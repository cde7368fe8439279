"""Starts the process that follows this one on the same sockets, and hears whether it serves."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from collections.abc import Sequence

from switchyard.listener.inherited import SOCKETS

REPORT = "SWITCHYARD_REPORT"
"""Environment variable: the pipe, by its number, into which a process writes how its start went."""

BEGINS_WITHIN = 300.0
"""Seconds within which a process begins to serve, on however busy a machine."""

_SERVES = b"serves"
_MOST = 4096


class SuccessorError(Exception):
    """Why the new process does not serve, in words for the user."""


def report_serving() -> bool:
    """In a new process: tell the one before that this one serves; return whether there is one."""
    return _report(_SERVES)


def report_failure(why: str) -> None:
    """In a new process: tell the one before why this one ends."""
    _report(why.encode()[:_MOST])


def _report(what: bytes) -> bool:
    handle = os.environ.pop(REPORT, "")
    if not handle.isdecimal():
        return False
    with contextlib.suppress(OSError):  # the one before has ended
        os.write(int(handle), what)
        os.close(int(handle))
    return True


def command() -> Sequence[str]:
    """Return the command line that this process was started with."""
    return [sys.executable, *sys.orig_argv[1:]]


async def start_successor(sockets: Iterable[int], run: Sequence[str]) -> subprocess.Popen[bytes]:
    """Run a command with listening sockets, given by their numbers, until it serves.

    Returns the process, which goes on. Raises SuccessorError if it does not serve; it has ended
    then.
    """
    reading, writing = os.pipe()
    numbers = list(sockets)
    names = {SOCKETS: ",".join(map(str, numbers)), REPORT: str(writing)}
    environ = {name: value for name, value in os.environ.items() if name != "WATCHDOG_PID"}
    try:
        process = subprocess.Popen(run, env=environ | names, pass_fds=(*numbers, writing))
    except OSError as e:
        os.close(reading)
        raise SuccessorError(f"it cannot be run: {e.strerror}") from e
    finally:
        os.close(writing)
    said = await _hear(reading)
    if said == _SERVES:
        return process
    if said is None:
        process.kill()
    status = await asyncio.to_thread(process.wait)
    if said is None:
        raise SuccessorError(f"it did not serve within {BEGINS_WITHIN:g} s")
    raise SuccessorError(said.decode(errors="replace") or f"it ended with status {status}")


async def _hear(reading: int) -> bytes | None:
    """Return what the new process reports until it closes the pipe; None if it takes too long."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    heard = bytearray()

    def read() -> None:
        piece = os.read(reading, _MOST)
        heard.extend(piece)
        if not piece and not ended.done():
            ended.set_result(None)

    loop.add_reader(reading, read)
    try:
        async with asyncio.timeout(BEGINS_WITHIN):
            await ended
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(reading)
        os.close(reading)
    return bytes(heard)
