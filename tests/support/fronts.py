"""nginx and Caddy in front of routers, with the configurations of `deploy/`."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import trustme

from tests.support.ports import free_port
from tests.support.router import ROOT

NAME = "router.example"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_STARTS_WITHIN = 60.0

_MAIN = """\
daemon off;
master_process on;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/switchyard.conf;
}}
"""


def find_program(name: str) -> str | None:
    """Returns where a server is; daemons are often beside the user's PATH."""
    return shutil.which(name, path=_PATH)


class Front:
    """A reverse proxy with TLS on a free port of 127.0.0.1; a context manager.

    `ports` are those of the routers. Its certificate is for `NAME`, by `authority`.
    """

    name: str

    @staticmethod
    def passes_over() -> bool:
        """Whether a request to a router that takes no connections reaches another one."""
        return True

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        self.folder, self.ports = folder, ports
        self.port = free_port()
        self.authority = trustme.CA()
        self.certificate, self.key = folder / "front.crt", folder / "front.key"
        issued = self.authority.issue_cert(NAME)
        self.certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(str(self.key))
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "front.log"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """What a client trusts it by."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def check(self) -> subprocess.CompletedProcess[str]:
        """Has the program judge its configuration."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=log, env=self.environment()
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        guard = threading.Timer(20, self._process.kill)
        guard.start()
        self._process.wait()
        guard.cancel()

    def environment(self) -> dict[str, str]:
        return {"PATH": _PATH, "HOME": str(self.folder)}

    def _wait(self) -> None:
        """Waits until it takes connections: neither program reports that."""
        assert self._process
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until:
            assert self._process.poll() is None, self.log
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError(self.log)

    def _changed(self, text: str, *changes: tuple[str, str]) -> str:
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
            assert count, f"nothing to replace by {pattern}"
        return text


class Nginx(Front):
    name = "nginx"

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        super().__init__(folder, ports)
        text = (ROOT / "deploy" / "nginx" / "switchyard.conf").read_text()
        servers = "\n".join(
            f"server 127.0.0.1:{port} max_fails=1 fail_timeout=2s;" for port in ports
        )
        text = self._changed(
            text,
            (r"^    listen 443 (.*)$", rf"    listen 127.0.0.1:{self.port} \1"),
            (r"^    listen \[::\].*$", ""),
            (r"^    ssl_certificate .*$", f"    ssl_certificate {self.certificate};"),
            (r"^    ssl_certificate_key .*$", f"    ssl_certificate_key {self.key};"),
            (r"^    server 127\.0\.0\.1:8787 max_fails=1 fail_timeout=2s;$", servers),
        )
        (folder / "switchyard.conf").write_text(text)
        user = "user root;" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))

    def command(self) -> Sequence[str]:
        program = find_program("nginx")
        assert program
        return (program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))

    def check(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.command(), "-t"], capture_output=True, text=True)


class Caddy(Front):
    name = "caddy"

    @staticmethod
    def passes_over() -> bool:
        """Debian's 2.6.2 has read the request's body by then, and answers 502; 2.11 passes."""
        program = find_program("caddy")
        assert program
        done = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
        found = re.match(r"v?(\d+)\.(\d+)", done.stdout)
        assert found, done.stdout
        return (int(found[1]), int(found[2])) >= (2, 11)

    def __init__(self, folder: Path, ports: Sequence[int]) -> None:
        super().__init__(folder, ports)
        text = (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
        upstreams = " ".join(f"127.0.0.1:{port}" for port in ports)
        site = f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{NAME}:{self.port} {{\n"
        text = self._changed(
            text,
            (rf"^{NAME} \{{$", f"{site}\tbind 127.0.0.1\n\ttls {self.certificate} {self.key}"),
            (r"^\treverse_proxy 127\.0\.0\.1:8787 \{$", f"\treverse_proxy {upstreams} {{"),
        )
        (folder / "Caddyfile").write_text(text)

    def environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {**super().environment(), "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}

    def command(self) -> Sequence[str]:
        program = find_program("caddy")
        assert program
        return (program, "run", "--config", str(self.folder / "Caddyfile"))

    def check(self) -> subprocess.CompletedProcess[str]:
        program, _, *rest = self.command()
        return subprocess.run(
            [program, "validate", *rest, "--adapter", "caddyfile"],
            capture_output=True,
            text=True,
            env=self.environment(),
        )


FRONTS: dict[str, type[Front]] = {"nginx": Nginx, "caddy": Caddy}
