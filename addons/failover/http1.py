"""HTTP/1 on both sides, with fewer steps than mitmproxy's for what comes most.

What goes by the usual rules takes the short ways here: a message of HTTP/1.1 that says how long its
body is. Everything else is left to mitmproxy.
"""

from collections.abc import Iterable

from h11._readers import ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.net.http import http1
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import Http1Connection
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseHeaders

_VERSION = b"HTTP/1.1"

MOST_DRAINED = 16 * 1024 * 1024
"""Bytes that are read of a body which nobody wants."""

_GONE = "Client disconnected."
"""mitmproxy's word for it."""


class QuickHttp1(Http1Connection):
    """What both sides of HTTP/1 have in common: neither ever waits for anything."""

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self.debug is not None:
            return super().handle_event(event)
        if isinstance(event, HttpEvent):
            sent = self.send_quickly(event)
            return self.send(event) if sent is None else sent  # type: ignore[return-value]
        if type(event) is events.DataReceived and self.state != self.passthrough:
            self.buf += event.data
        return self.state(event)

    def send_quickly(self, event: HttpEvent) -> Iterable[Command] | None:
        """What there is to do to send something; None where mitmproxy has to see to that."""
        raise NotImplementedError

    def whole_body(self, event: events.Event) -> bytes | None:
        """The body, where all of it has come that is not read yet; None otherwise."""
        reader = self.body_reader
        if type(reader) is not ContentLengthReader or type(event) is not events.DataReceived:
            return None
        left = reader._remaining
        if not 0 < left <= len(self.buf) or self.stream_id is None:
            return None
        if self.request is None or self.request.data.method == b"CONNECT":
            return None
        data = self.buf.maybe_extract_at_most(left)
        reader._remaining = 0
        return bytes(data or b"")


class QuickHttp1Server(QuickHttp1, Http1Server):
    """Towards a client."""

    _left: int | None = None
    """Bytes that are still read of a body that nobody wants; None where somebody does."""

    @classmethod
    def adopt(cls, layer: Layer) -> None:
        """Give the layer of a client's connection our class, if it speaks HTTP/1."""
        if type(layer) is Http1Server:
            layer.__class__ = cls
            layer.state = layer.read_headers

    def send_quickly(self, event: HttpEvent) -> Iterable[Command] | None:
        if event.stream_id != self.stream_id:
            return None
        if type(event) is ResponseHeaders and event.response.data.http_version == _VERSION:
            self.response = event.response
            return (SendData(self.conn, http1.assemble_response_head(event.response)),)
        if type(event) is ResponseData and self.response is not None:
            if event.data and "transfer-encoding" not in self.response.headers:
                return (SendData(self.conn, event.data),)
        return None

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        return self._hang_up() if type(event) is events.Wakeup else super().handle_event(event)

    def drain(self) -> None:
        """The request is answered without its body: read that within bounds, so that a client which
        is sending it gets the answer, and drop it. The answer must say `connection: close`."""
        self._left = MOST_DRAINED

    def _hang_up(self) -> CommandGenerator[None]:
        """The client sends on and on; close its connection."""
        self.buf = ReceiveBuffer()
        if self.state == self.done:
            return
        self.state = self.done
        yield CloseConnection(self.conn)
        gone = RequestProtocolError(self.stream_id, _GONE, ErrorCode.CLIENT_DISCONNECTED)
        yield ReceiveHttp(gone)

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        if self._left is not None:
            self._left -= len(self.buf)
            if self._left < 0:
                yield from self._hang_up()
                return
        data = self.whole_body(event)
        if data is None:
            yield from self._read_body(event)
            return
        yield ReceiveHttp(RequestData(self.stream_id, data))
        yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
        yield from self.mark_done(request=True)

    def _read_body(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            # Trailers, which mitmproxy does not implement: it would log a crash, and the client
            # wait for ever. The body is complete, and nobody here asks for them.
            assert self.stream_id is not None
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)
