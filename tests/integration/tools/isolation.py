"""Runs tools apart from the network, and so that nothing of them is left."""

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.tools import inside

_MARK = "SWITCHYARD_TEST_RUN"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int | None
    """None: it did not end in time."""
    output: str
    """Of both its streams."""
    seconds: float


@functools.cache
def namespace() -> tuple[str, ...]:
    """The command that gives another one a network and processes of its own; empty where that is
    not permitted."""
    if shutil.which("unshare") is None:
        return ()
    command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    for more in ([], ["--map-root-user"]):
        done = subprocess.run([*command, *more, "true"], capture_output=True, check=False)
        if done.returncode == 0:
            return (*command, *more)
    return ()


def run_apart(
    command: Sequence[str],
    *,
    port: int,
    directory: Path,
    environ: Mapping[str, str],
    within: float,
) -> Ended:
    """Runs a command that can reach nothing but 127.0.0.1:`port`, for `within` seconds at most.

    Where the system permits no network of its own, it runs in ours.
    """
    with tempfile.TemporaryDirectory(prefix="sy-") as short:
        # A Unix socket's path must be short.
        path = f"{short}/s"
        marked = {**environ, _MARK: path}
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(128)
            inside.pass_on(listener, socket.AF_INET, ("127.0.0.1", port))
            within_it = (sys.executable, inside.__file__, path, str(port))
            apart = (*namespace(), *within_it, *command) if namespace() else command
            try:
                return _run(apart, directory, marked, within)
            finally:
                _kill_marked(path)
                listener.shutdown(socket.SHUT_RDWR)


def _run(
    command: Sequence[str], directory: Path, environ: Mapping[str, str], within: float
) -> Ended:
    # Into a file: a background process that a tool leaves behind would hold a pipe open.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        begun = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(within)
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.monotonic() - begun
        output.seek(0)
        return Ended(status, output.read(), seconds)


def _kill_marked(mark: str) -> None:
    """Ends what a tool left running, by the variable that it was started with."""
    wanted = f"{_MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue  # gone by itself, or somebody else's
