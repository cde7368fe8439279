"""Starts the demo upstream as a child process and ends it."""

import os
import selectors
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("upstream.py")
_START_LIMIT = 10.0
_STOP_LIMIT = 2.0

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment variables that an interpreter may need to run. All others, keys above all, are none
of the demo's business."""


class DemoUpstream:
    """The demo upstream, while it runs. It ends with this process in any case."""

    def __init__(self, delay: float | None = None) -> None:
        """`delay` is the time between two words in seconds, if not the program's own."""
        self._options = [] if delay is None else ["--delay", str(delay)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the process and return its base URL, such as "http://127.0.0.1:43121/v1".

        A second call returns a new URL for a new process, unless the first is still running:
        that raises RuntimeError, as does a process that does not come up within ten seconds.
        """
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("the demo upstream is running already")
        # -I -S: it needs the standard library alone, and starts twice as fast without `site`.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_PROGRAM), *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        )
        base_url = self._read_line()
        if not base_url:
            self.stop()
            raise RuntimeError(f"the demo upstream ({_PROGRAM}) did not start; see its message")
        return base_url

    def stop(self) -> None:
        """End the process and wait until it is gone. Safe to call at any time, and again."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _read_line(self) -> str:
        assert self._process is not None
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(_START_LIMIT):
                return ""
        return stdout.readline().strip()
