"""The router's process, as a user starts it: by what `scripts/start` runs, or by mitmdump."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Self

from tests.support.ports import free_port
from tests.support.signals import PATIENCE
from tests.support.signals import Signal

ROOT = Path(__file__).resolve().parents[2]
MITMDUMP = Path(sys.executable).with_name("mitmdump")
MITMWEB = MITMDUMP.with_name("mitmweb")
READY = "switchyard: ready"
_STOPPED = "switchyard: stopped after "
LAUNCHER = "SWITCHYARD_LAUNCHER"
"""Environment variable: with `mitmdump`, all of this runs as `mitmdump -s addons/router.py` does,
without the engine of `scripts/start`."""

_TROUBLE = re.compile(
    r"Traceback|mitmproxy has crashed|Addon error|Error in addon|never retrieved|internal error"
    r"|was never awaited|Task was destroyed"
)

_STARTS_WITHIN = 120.0
_STOPS_WITHIN = 60.0
_LEFT_RUNNING = 2.0
"""Seconds for which the router drains at the end of a test."""


def write_config(path: Path, config: str | Mapping[str, Any]) -> Path:
    """A configuration file; of a mapping, JSON, which YAML contains."""
    text = config if isinstance(config, str) else json.dumps(config, indent=1)
    path.write_text(text, encoding="utf-8")
    return path


class Router:
    """A running router. As a context manager it is stopped at the end, and must stop cleanly with
    no trouble in its log, unless `trouble_expected`."""

    def __init__(
        self,
        directory: Path,
        config: str | Mapping[str, Any],
        *args: str,
        env: Mapping[str, str] | None = None,
        trust: Path | None = None,
        named: bool = True,
        web: bool = False,
        within: Sequence[str] = (),
        discovery: bool = False,
    ) -> None:
        """`discovery` lets it ask providers for their models, which no plan of an upstream expects;
        `args` go to mitmdump; `trust` is the CA that upstreams' certificates are checked
        with; `named` says whether mitmdump is told where the configuration is, and `web` whether
        it is mitmweb instead; `within` are words that stand before the command, as `ip netns exec
        NAME`."""
        self.directory = directory
        self._web = web
        self.config_path = write_config(directory / "switchyard.yaml", config)
        self.confdir = directory / "mitmproxy"
        self.port = free_port()
        self.trouble_expected = False
        self.lines: list[str] = []
        workers = int(args[args.index("--workers") + 1]) if "--workers" in args else 1
        self._starting = workers
        """How many of its processes are not ready yet."""
        self._ready = Signal()
        self._ended = Signal()
        self._watched: list[tuple[str, Signal]] = []
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._environment = environment(directory, env)
        trusting = ("--set", f"ssl_verify_upstream_trusted_ca={trust}") if trust else ()
        naming = ("--set", f"switchyard_config={self.config_path}") if named else ()
        self._within = tuple(within)
        asking = ("--set", f"switchyard_discovery={str(discovery).lower()}")
        self._args = (*naming, *trusting, *asking, *args)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate that clients in proxy mode must trust."""
        return self.confdir / "mitmproxy-ca-cert.pem"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> str:
        with self._lock:
            return "".join(self.lines)

    def command(self) -> Sequence[str]:
        return [
            *self._within,
            *self._program(),
            *("--set", f"confdir={self.confdir}"),
            *("-p", str(self.port)),
            *self._args,
        ]

    def _program(self) -> Sequence[str]:
        if os.environ.get(LAUNCHER) == "mitmdump":
            tool = (str(MITMWEB), "--no-web-open-browser") if self._web else (str(MITMDUMP),)
            return [*tool, "-s", str(ROOT / "addons" / "router.py")]
        launcher = [sys.executable, "-P", str(ROOT / "scripts" / "launch.py")]
        return [*launcher, "--web"] if self._web else launcher

    def launch(self) -> None:
        """Starts the process without waiting for it to be ready."""
        self._process = subprocess.Popen(
            self.command(),
            cwd=self.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def start(self) -> Self:
        """Returns when the router, and each of its workers, says that it is ready."""
        self.launch()
        return self.wait_ready()

    def wait_ready(self) -> Self:
        """Returns when the router that was launched says that it is ready."""
        try:
            self._ready.wait(_STARTS_WITHIN)
        except TimeoutError:
            self.kill()
            raise AssertionError(f"the router did not get ready:\n{self.log}") from None
        assert not self._ended, f"the router ended:\n{self.log}"
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            with self._lock:
                self.lines.append(line)
                seen = [signal for text, signal in self._watched if text in line]
            for happened in seen:
                happened.set()
            self._starting -= READY in line
            if self._starting <= 0:
                self._ready.set()
        self._ended.set()
        self._ready.set()

    def will_log(self, text: str) -> Signal:
        """Set when a line with this text is logged from now on."""
        happened = Signal()
        with self._lock:
            self._watched.append((text, happened))
        return happened

    def wait_logged(self, text: str, within: float = PATIENCE) -> None:
        """Returns once a line with this text is in the log, where it may be by now. Raises
        AssertionError."""
        happened = Signal()
        with self._lock:
            if any(text in line for line in self.lines):
                return
            self._watched.append((text, happened))
        try:
            happened.wait(within)
        except TimeoutError:
            raise AssertionError(f"{text!r} is not in the log:\n{self.log}") from None

    def wait(self, within: float = _STARTS_WITHIN) -> int:
        """The exit code, once it ended by itself."""
        assert self._process
        code = self._process.wait(within)
        self._ended.wait(within)
        return code

    def stop(self) -> None:
        """Stops it as a service manager would. Raises AssertionError if anything was wrong."""
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEFT_RUNNING)
        is_hurried = self._process.poll() is None
        if is_hurried:
            self._process.send_signal(signal.SIGTERM)  # what a test left running may break off
        try:
            code = self.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the router did not stop on SIGTERM:\n{self.log}") from None
        # Python puts handlers of signals down before it ends: the second one may come after that.
        was_over = is_hurried and code == -signal.SIGTERM and _STOPPED in self.log
        assert code == 0 or was_over, f"exit code {code}:\n{self.log}"
        if not self.trouble_expected:
            self.assert_no_trouble()

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self.wait(_STOPS_WITHIN)

    def assert_no_trouble(self) -> None:
        lines = self.log.splitlines()
        for number, line in enumerate(lines):
            if _TROUBLE.search(line):
                around = "\n".join(lines[max(0, number - 10) : number + 60])
                raise AssertionError(f"trouble in the log:\n{around}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, problem: object, *_: object) -> None:
        if problem is None:
            self.stop()
        else:
            self.kill()


def environment(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that shall see nothing of ours."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **(more or {}),
    }
