"""Real proxies, each a process: mitmdump for HTTP, asyncio-socks-server for SOCKS5."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.router import MITMDUMP
from tests.support.router import environment
from tests.support.signals import Signal

_STARTS_WITHIN = 120.0


class ProxyProcess:
    """A proxy on 127.0.0.1 while it is entered, and what it logged."""

    def __init__(self, directory: Path, command: list[str], port: int, ready: str) -> None:
        self.port = port
        self._directory = directory
        self._command = command
        self._ready_line = ready
        self._lines: list[str] = []
        self._ready = Signal()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=environment(self._directory),
            cwd=self._directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        self._ready.wait(_STARTS_WITHIN)
        assert self._process.poll() is None, self.log
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for line in process.stdout:
            self._lines.append(line)
            if self._ready_line in line:
                self._ready.set()
        self._ready.set()

    @property
    def log(self) -> str:
        """What it has logged so far; once it is stopped, all of it."""
        return "".join(self._lines)

    def stop(self) -> None:
        assert self._process and self._reader
        self._process.terminate()
        self._process.wait(_STARTS_WITHIN)
        self._reader.join(_STARTS_WITHIN)

    def __exit__(self, *_: object) -> None:
        self.stop()


def http_proxy(directory: Path, auth: str = "", cert: Path | None = None) -> ProxyProcess:
    """An HTTP proxy, which also takes TLS where it has a certificate (with its key). With `auth`
    (`user:password`) it refuses others by 407. Names under `.test` are this machine to it."""
    port = free_port()
    command = [
        str(MITMDUMP),
        *("--listen-host", "127.0.0.1", "-p", str(port)),
        *("--set", f"confdir={directory / 'proxy'}"),
        *("--set", "connection_strategy=lazy"),
        *("-s", str(Path(__file__).with_name("naming.py"))),
        # What is in the tunnels is none of its business.
        *("--ignore-hosts", ".*"),
        *(("--set", f"proxyauth={auth}") if auth else ()),
        *(("--certs", f"*={cert}") if cert else ()),
    ]
    return ProxyProcess(directory, command, port, "proxy listening at")


def socks_proxy(directory: Path, auth: str = "") -> ProxyProcess:
    """A SOCKS5 proxy, which with `auth` refuses whoever has another user or password. Its log tells
    by `dst=` whether it got a name or an address."""
    port = free_port()
    command = [
        str(Path(sys.executable).with_name("asyncio_socks_server")),
        *("--host", "127.0.0.1", "--port", str(port)),
        *(("--auth", auth) if auth else ()),
    ]
    return ProxyProcess(directory, command, port, "server_started")
