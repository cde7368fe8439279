"""Tunnels through proxies, as layers: HTTP's CONNECT and SOCKS5.

mitmproxy has the former for its upstream mode, without user and password and with its own wording
of errors, and no SOCKS towards upstreams.
"""

import base64
import ipaddress
import re
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.tls import HTTP1_ALPNS
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import LayerStack
from mitmproxy.proxy.tunnel import TunnelLayer
from socksio import ProtocolError
from socksio import socks5

from switchyard.egress.egress import EgressServer
from switchyard.egress.egress import ProxyServer

type Handshake = tuple[bool, str | None]
"""Whether it is done, and what went wrong."""

_LONGEST_HEAD = 65_536
_STATUS_LINE = re.compile(rb"HTTP/1\.\d (\d{3})(?: ([^\r\n]*))?\r?\n")
_SOCKS_REFUSALS = {
    b"\x01": "general failure",
    b"\x02": "not allowed by its rules",
    b"\x03": "the network cannot be reached",
    b"\x04": "the host cannot be reached",
    b"\x05": "the host refused the connection",
    b"\x06": "TTL expired",
    b"\x07": "command not supported",
    b"\x08": "kind of address not supported",
}
"""RFC 1928, 6."""


@dataclass
class ResolveHook(StartHook):
    """Asks for the addresses of a name that the proxy must not resolve.

    Fill in `addresses`.
    """

    name = "failover_resolve"
    lookup: "Lookup"


@dataclass(slots=True)
class Lookup:
    host: str
    port: int
    addresses: list[str] = field(default_factory=list)
    """In order of preference; none if the name has none."""


class ProxyTunnel(TunnelLayer):
    """A tunnel through a proxy. Its errors name the proxy."""

    def __init__(self, context: Context, outer: Server, proxy: ProxyServer) -> None:
        super().__init__(context, tunnel_connection=outer, conn=context.server)
        assert context.server.address
        self.host, self.port = context.server.address
        self.proxy = proxy
        self.received = b""

    def event_to_child(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.OpenConnectionCompleted) and event.reply:
            message = f"the proxy {self.proxy.label}: {event.reply}"
            event = events.OpenConnectionCompleted(event.command, message)
        yield from super().event_to_child(event)

    def rest(self, data: bytes) -> CommandGenerator[None]:
        """What came behind the proxy's last word is the upstream's."""
        self.received = b""
        if data:
            yield from self.receive_data(data)


class ConnectTunnel(ProxyTunnel):
    """A tunnel by CONNECT (RFC 9110, 9.3.6), with user and password (RFC 7617) if set."""

    def start_handshake(self) -> CommandGenerator[None]:
        host = f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode()
        lines = [f"CONNECT {host}:{self.port} HTTP/1.1", f"Host: {host}:{self.port}"]
        if self.proxy.username or self.proxy.password:
            pair = f"{self.proxy.username}:{self.proxy.password}".encode()
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair).decode()}")
        head = "\r\n".join([*lines, "", ""])
        yield commands.SendData(self.tunnel_connection, head.encode())

    def receive_handshake_data(self, data: bytes) -> CommandGenerator[Handshake]:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if not end:
            too_long = len(self.received) > _LONGEST_HEAD
            return False, "its response has no end" if too_long else None
        status = _STATUS_LINE.match(head + end)
        if status is None:
            return False, "its response is not HTTP"
        if 200 <= int(status[1]) < 300:
            yield from self.rest(rest)
            return True, None
        reason = (status[2] or b"").decode("latin-1").strip()[:80]
        problem = f"refused to connect with {int(status[1])} {reason}".rstrip()
        if int(status[1]) == 407:
            problem += " (check the user and password of proxy-url)"
        return False, problem


class SocksTunnel(ProxyTunnel):
    """A tunnel by SOCKS5 (RFC 1928), with a user and password (RFC 1929) if set."""

    def __init__(self, context: Context, outer: Server, proxy: ProxyServer) -> None:
        super().__init__(context, outer, proxy)
        self.socks: Any = socks5.SOCKS5Connection()  # its types do not say what it takes

    def start_handshake(self) -> CommandGenerator[None]:
        methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
        if self.proxy.username:
            methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
        self.socks.send(socks5.SOCKS5AuthMethodsRequest(methods))
        yield from self.flush()

    def flush(self) -> CommandGenerator[None]:
        yield commands.SendData(self.tunnel_connection, self.socks.data_to_send())

    def receive_handshake_data(self, data: bytes) -> CommandGenerator[Handshake]:
        self.received += data
        while (length := self.length_of_reply()) and len(self.received) >= length:
            reply_bytes, self.received = self.received[:length], self.received[length:]
            try:
                reply = self.socks.receive_data(reply_bytes)
            except ProtocolError:
                return False, "its response is not SOCKS5"
            done, problem = yield from self.replied(reply)
            if done or problem:
                return done, problem
        return False, None

    def length_of_reply(self) -> int:
        """Bytes of the reply that is coming; 0 while that is not known."""
        if self.socks.state is not socks5.SOCKS5State.CLIENT_AUTHENTICATED:
            return 2
        if len(self.received) < 5:
            return 0
        of_name = 1 + self.received[4]
        return 6 + {b"\x01": 4, b"\x04": 16}.get(self.received[3:4], of_name)

    def replied(self, reply: object) -> CommandGenerator[Handshake]:
        match reply:
            case socks5.SOCKS5AuthReply(method=socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED):
                return (yield from self.ask())
            case socks5.SOCKS5AuthReply(method=socks5.SOCKS5AuthMethod.USERNAME_PASSWORD) if (
                self.proxy.username
            ):
                pair = self.proxy.username.encode(), self.proxy.password.encode()
                self.socks.send(socks5.SOCKS5UsernamePasswordRequest(*pair))
                yield from self.flush()
                return False, None
            case socks5.SOCKS5AuthReply():
                given = "another one" if self.proxy.username else "one"
                return False, f"wants a user and password, or {given}, in proxy-url"
            case socks5.SOCKS5UsernamePasswordReply(success=True):
                return (yield from self.ask())
            case socks5.SOCKS5UsernamePasswordReply():
                return False, "refused the user and password of proxy-url"
            case socks5.SOCKS5Reply(reply_code=socks5.SOCKS5ReplyCode.SUCCEEDED):
                yield from self.rest(self.received)
                return True, None
            case socks5.SOCKS5Reply(reply_code=code):
                return False, f"refused to connect: {_SOCKS_REFUSALS.get(code, 'unknown reason')}"
        return False, "its response is malformed"

    def ask(self) -> CommandGenerator[Handshake]:
        """Ask for the upstream by name, or by address where the router resolves it."""
        host = self.host
        if self.proxy.scheme == "socks5" and not _is_address(host):
            lookup = Lookup(host, self.port)
            yield ResolveHook(lookup)
            if not lookup.addresses:
                return False, f"was not asked: {host} cannot be resolved here (socks5h would there)"
            host = lookup.addresses[0]
        kind, address = _packed(host)
        if len(address) > 255:
            return False, "was not asked: the name is longer than SOCKS allows"
        connect = socks5.SOCKS5Command.CONNECT
        self.socks.send(socks5.SOCKS5CommandRequest(connect, kind, address, self.port))
        yield from self.flush()
        return False, None


def tunnel_through(context: Context, proxy: ProxyServer, server: EgressServer) -> LayerStack:
    """The layers that lead to `server`, which is the context's, through a proxy."""
    outer = Server(address=(proxy.host, proxy.port))
    server.outer = outer
    stack = LayerStack()
    if proxy.scheme == "https":
        outer.alpn_offers = HTTP1_ALPNS
        outer.sni = proxy.host
        stack /= ServerTLSLayer(context, outer)
    tunnel = SocksTunnel if proxy.scheme.startswith("socks") else ConnectTunnel
    return stack / tunnel(context, outer, proxy)


def _is_address(host: str) -> bool:
    return _packed(host)[0] is not socks5.SOCKS5AType.DOMAIN_NAME


def _packed(host: str) -> tuple[socks5.SOCKS5AType, bytes]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return socks5.SOCKS5AType.DOMAIN_NAME, host.encode("idna")
    if address.version == 4:
        return socks5.SOCKS5AType.IPV4_ADDRESS, address.packed
    return socks5.SOCKS5AType.IPV6_ADDRESS, address.packed
