"""The command `restart`: has a new process take the place of a running router."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from switchyard.engine.running_note import RunningNote
from switchyard.engine.running_note import read_note
from switchyard.files import running_file
from switchyard.launch.options import DEFAULT_PORT

_WITHIN = 330.0
"""Seconds for which the new process is waited for; the router itself gives up earlier."""

_LOOKS_EVERY = 0.05


def main(arguments: Sequence[str]) -> int:
    """Restart the router that listens on a port; return the exit status."""
    port = make_parser(os.environ).parse_args(arguments).port
    file = running_file(port, os.environ)
    before = read_note(file)
    if before is None:
        return _fail(
            f"no router of this user listens on port {port}: {file} names none. Name its port with "
            "--port, or start it"
        )
    if not before.hands_over:
        return _fail(
            f"process {before.pid} cannot hand its port over, since mitmproxy runs it without "
            "Switchyard's engine. Stop it, and start it anew"
        )
    try:
        os.kill(before.pid, signal.SIGHUP)
    except OSError as e:
        return _fail(f"process {before.pid} cannot be signalled: {e.strerror}")
    return _wait(file, before)


def _wait(file: Path, before: RunningNote, clock: Callable[[], float] = time.monotonic) -> int:
    ends = clock() + _WITHIN
    while clock() < ends:
        now = read_note(file)
        if now is None and not _runs(before.pid):
            return _fail(f"process {before.pid} has ended, and no other took its place")
        if now is not None and (now.pid, now.attempts) != (before.pid, before.attempts):
            if now.problem:
                return _fail(f"{now.problem}. The old process goes on")
            print(f"restarted: process {now.pid} serves")
            return 0
        time.sleep(_LOOKS_EVERY)
    return _fail(f"the new process does not serve after {_WITHIN:g} s; see the router's log")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fail(why: str) -> int:
    print(f"switchyard: not restarted: {why}.", file=sys.stderr)
    return 1


def make_parser(environ: Mapping[str, str] = os.environ) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="switchyard restart",
        description="Has a new process take the place of the running router (SIGHUP). The old one "
        "ends after its requests; if the new one does not start, it goes on.",
    )
    port = environ.get("SWITCHYARD_PORT") or environ.get("PORT") or DEFAULT_PORT
    parser.add_argument(
        "--port",
        "-p",
        type=int,
        default=port,
        metavar="N",
        help="the port that it listens on (default: $SWITCHYARD_PORT, else $PORT, else "
        f"{DEFAULT_PORT})",
    )
    return parser
