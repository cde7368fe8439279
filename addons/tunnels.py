"""What passes through unopened."""

import re
from collections.abc import Callable
from collections.abc import Iterable

from mitmproxy import http
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import layer
from mitmproxy.proxy import layers
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.quic import quic_parse_client_hello_from_datagrams
from mitmproxy.proxy.layers.tls import parse_client_hello

from addons.answers import error_answer
from addons.failover.deciding import AwaitMore
from addons.failover.deciding import Refuse
from addons.failover.deciding import is_connect
from addons.own_address import may_pass
from addons.runtime import Runtime
from addons.wire.errors import ApiError
from addons.wire.registry import FORMATS

type Spares = Callable[[Context, Iterable[str]], bool]

_DNS = 53
_MOST_SEEN = 65_536
"""Bytes of a connection that are looked at for the name of its destination."""

_HTTP = re.compile(rb"[A-Z]{3,10} [^\r\n]+ HTTP/1\.[01]\r?\n")
_HTTP_BEGUN = re.compile(rb"[A-Z]{1,10}( [^\r\n]*)?\r?")
_HOST = re.compile(rb"\nhost:[ \t]*([^\s:/]+|\[[0-9a-fA-F:.]+\])", re.IGNORECASE)
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")


class Tunnels:
    """Tunnels every connection to a host that is no configured provider's, byte for byte.

    Its TLS is not opened, so clients that pin certificates work, and nothing private is seen. By a
    proxy a host is asked for by name. Where connections are captured, only an address is known: a
    port on which no provider is served decides at once, and else the name in the ClientHello or in
    the first request.
    """

    def __init__(self, runtime: Runtime, spares: Spares = lambda *_: False) -> None:
        """`spares` says whether a client is tunnelled to some hosts although they are opened."""
        self._runtime = runtime
        self._spares = spares

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Only this machine's own clients are taken to hosts that are no provider's.

        Others are asked for a key with every call to a model; a tunnel has no place for one, and
        would let anybody reach whatever this machine can.
        """
        served = self._runtime.serves_host(flow.request.host, flow.request.port)
        if served or may_pass(flow.client_conn):
            return
        message = f"This router is no proxy to {flow.request.host} for clients on other machines."
        error = ApiError(message=message, kind="permission")
        flow.response = error_answer(FORMATS["openai-chat"], error)

    def passes(self, context: Context) -> bool:
        """Whether nothing at a connection's destination can be for us."""
        assert context.server.address
        host, port = context.server.address[:2]
        return not (self._runtime.serves_port(port) or self._runtime.is_own_address(host, port))

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context = nextlayer.context
        if nextlayer.layer is not None or context.server.address is None:
            return None
        host, port = context.server.address[:2]
        within = context.layers[-1]
        if isinstance(context.client.proxy_mode, mode_specs.RegularMode | mode_specs.UpstreamMode):
            if not is_connect(within):
                return None
            names: list[str] | None = []
        elif isinstance(within, modes.TransparentProxy | modes.Socks5Proxy):
            if context.client.transport_protocol != "tcp":
                return self._udp(nextlayer, host, port)
            names = names_of(nextlayer.data_client())
        else:
            return None
        if self._runtime.is_own_address(host, port):
            return None  # our own address through ourselves: a request, no tunnel
        hosts = (host, *(names or ()))
        served = any(self._runtime.serves_host(name, port) for name in hosts)
        if served and not self._spares(context, hosts):
            return None
        more = names is None and not served
        nextlayer.layer = AwaitMore(nextlayer) if more else layers.TCPLayer(context, ignore=True)
        return None

    def _udp(self, nextlayer: layer.NextLayer, host: str, port: int) -> None:
        """QUIC to a provider is refused, so that its client goes on over TCP; all else passes, but
        for DNS, which mitmproxy answers where it captures everything."""
        context = nextlayer.context
        if port == _DNS:
            return
        datagrams = [event.data for event in nextlayer.events if isinstance(event, DataReceived)]
        try:
            hello = quic_parse_client_hello_from_datagrams(datagrams)
        except ValueError:
            name = ""
        else:
            if hello is None and sum(map(len, datagrams)) < _MOST_SEEN:
                nextlayer.layer = AwaitMore(nextlayer)
                return
            name = (hello and hello.sni) or host
        if name and self._runtime.serves_host(name, port):
            nextlayer.layer = Refuse(context)
        else:
            nextlayer.layer = layers.UDPLayer(context, ignore=True)


def names_of(data: bytes) -> list[str] | None:
    """The host that the beginning of a connection names; none where it names none, and None where
    more of it may."""
    if starts_like_tls_record(data):
        try:
            hello = parse_client_hello(data)
        except ValueError:
            return []
        if hello is None:
            return None if len(data) < _MOST_SEEN else []
        return [hello.sni] if hello.sni else []
    if not _HTTP.match(data):
        begun = _HTTP_BEGUN.fullmatch(data) or data in (b"\x16", b"\x16\x03")
        return None if begun and len(data) < _MOST_SEEN else []
    if (named := _HOST.search(data)) is not None and named.end() < len(data):
        return [named[1].strip(b"[]").decode("ascii", "replace")]
    ended = _HEAD_ENDS.search(data) is not None
    return [] if ended or len(data) >= _MOST_SEEN else None
