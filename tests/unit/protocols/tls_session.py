"""A session of TLS between a server of the test's and the layer of a connection to it."""

from collections import deque
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.options import Options
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.layers.tls import TlsStartServerHook
from mitmproxy.test import tflow
from OpenSSL import SSL

from switchyard.protocols.tls import ReadAheadTls
from tests.support.tls import authority


class Within(Layer):
    """What speaks by the session: notes the data, and the end."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.told: list[bytes] = []

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            self.told.append(event.data)
        elif isinstance(event, events.ConnectionClosed):
            self.told.append(b"<end>")
        yield from ()


class Session:
    """An open session, whose layer is driven by this, as by the engine."""

    def __init__(self, version: int) -> None:
        self.server = SSL.Connection(_serving(version), None)
        self.server.set_accept_state()
        context = Context(tflow.tclient_conn(), Options())
        context.server = Server(address=("localhost", 443))
        context.server.state = ConnectionState.OPEN
        layer = ServerTLSLayer(context)
        self.within = layer.child_layer = Within(context)
        self.logged: list[str] = []
        self.layer: Layer = layer
        self.process(events.Start())
        for _ in range(4):
            self._answer()
        adopted = ReadAheadTls.adopt(layer)
        assert adopted is not None
        self.tls = adopted
        assert self.tls.can_read_ahead

    handled = 0

    def process(self, event: events.Event) -> None:
        self.handled += 1
        waiting = deque([event])
        while waiting:
            for command in self.layer.handle_event(waiting.popleft()):
                if isinstance(command, commands.SendData):
                    self.server.bio_write(command.data)
                elif isinstance(command, commands.Log):
                    self.logged.append(command.message)
                elif isinstance(command, commands.StartHook):
                    if isinstance(command, TlsStartServerHook):
                        command.data.ssl_conn = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
                        command.data.ssl_conn.set_connect_state()
                    waiting.append(events.HookCompleted(command))

    def encrypted(self, data: bytes) -> bytes:
        """What the server sends as one write."""
        self.server.sendall(data)
        return self.sent()

    def sent(self) -> bytes:
        """What the server has to send."""
        try:
            return self.server.bio_read(1_000_000)
        except SSL.WantReadError:
            return b""

    def _answer(self) -> None:
        try:
            self.server.do_handshake()
        except SSL.WantReadError:
            pass
        if sent := self.sent():
            self.process(events.DataReceived(self.layer.context.server, sent))


@cache
def _serving(version: int) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    made = authority().issue_cert("localhost")
    chain = made.cert_chain_pems[0].bytes()
    context.use_certificate(load_pem_x509_certificate(chain))
    key = load_pem_private_key(made.private_key_pem.bytes(), None)
    assert isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey)
    context.use_privatekey(key)
    return context
