"""Describes the egress to an upstream, where it is more than an address."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from mitmproxy.connection import Connection
from mitmproxy.connection import Server
from mitmproxy.net.server_spec import ServerSpec
from OpenSSL import SSL


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyServer:
    """A proxy to go through."""

    scheme: Literal["http", "https", "socks5", "socks5h"]
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    label: str
    """What errors call it; neither user nor password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """How connections to an upstream are made.

    Attempts share connections only where their egress is equal: another key's proxy, or another
    provider's certificate, is another connection.
    """

    proxy: ProxyServer | None = None
    socket: str = ""
    """The path of a Unix socket to connect to, whatever the request's address is."""
    server_name: str = ""
    """The name to ask for and to verify by TLS; empty: the host of the request's URL."""
    start_tls: Callable[[Server], SSL.Connection] | None = None
    """Makes the TLS of a connection; None: mitmproxy does, by its options."""

    @property
    def via(self) -> ServerSpec | None:
        """The proxy in mitmproxy's terms, which lack SOCKS; saved with flows."""
        if self.proxy is None or self.proxy.scheme not in ("http", "https"):
            return None
        return self.proxy.scheme, (self.proxy.host, self.proxy.port)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """What to connect to for a request to this host and port."""
        return (self.socket, 0) if self.socket else (host, port)


class EgressServer(Server):
    """An upstream reached by an egress.

    The egress is no field of the class's state, which flows are saved with: it contains a password,
    and a context that cannot be saved.
    """

    way: Egress
    outer: Server
    """The connection that there really is: to the proxy, or this one."""

    # Without mitmproxy's look at each name for an address that changes while the connection is
    # open: nobody gives an attempt's connection another one.
    __setattr__ = object.__setattr__  # type: ignore[assignment]


def egress_of(connection: Connection) -> Egress | None:
    """Return the egress of a connection; None for one that mitmproxy made."""
    # By its very class: asking for an instance of mitmproxy's classes takes a call of its own.
    return connection.way if type(connection) is EgressServer else None


def outer_of(connection: Connection) -> Connection:
    """The connection that carries another one, or is it."""
    return connection.outer if type(connection) is EgressServer else connection
