"""Clients that do not trust the router's certificates are named in the log, once."""

import socket
import ssl
from collections.abc import Callable

import pytest

from tests.support.router import Router
from tests.support.signals import PATIENCE

CLAUDE = "api.anthropic.com"
CONFIG = {
    "providers": [{"name": "p", "base-url": "http://127.0.0.1:9/v1"}],
    "intercept": {CLAUDE: ["passthrough", "p/m"]},
}


def connected(router: Router, agent: str) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", router.port), timeout=PATIENCE)
    named = f"User-Agent: {agent}\r\n" if agent else ""
    plain.sendall(f"CONNECT {CLAUDE}:443 HTTP/1.1\r\nHost: {CLAUDE}\r\n{named}\r\n".encode())
    assert plain.recv(4096).startswith(b"HTTP/1.1 200")
    return plain


def refuses(plain: socket.socket) -> None:
    """As OpenSSL and rustls do: by an alert."""
    with plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname=CLAUDE)


def hangs_up(plain: socket.socket) -> None:
    """As Bun does: it reads the certificate and closes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=CLAUDE)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with plain:
        plain.sendall(outgoing.read())
        assert plain.recv(4096)


@pytest.mark.parametrize(
    ("leave", "agent", "told"),
    [
        (refuses, "codex_exec/0.169.0", "Codex does not trust"),
        (hangs_up, "", "a client, Claude Code maybe, seems not to trust"),
    ],
    ids=["alert", "silence"],
)
def test_it_is_told_once_what_to_set(
    start_router: Callable[..., Router],
    leave: Callable[[socket.socket], None],
    agent: str,
    told: str,
) -> None:
    router = start_router(CONFIG)
    said = router.will_log(f"switchyard: {told} this router's certificate for {CLAUDE}")
    leave(connected(router, agent))
    said.wait()
    leave(connected(router, agent))
    another = router.will_log("switchyard: a client (another/1)")
    leave(connected(router, "another/1"))
    another.wait()
    lines = [line for line in router.log.splitlines() if f"switchyard: {told}" in line]
    assert len(lines) == 1
    assert str(router.confdir) in lines[0]
