"""HTTP/1 on both sides, with fewer steps than mitmproxy's for what comes most.

What goes by the usual rules takes the short ways here: a message of HTTP/1.1 that says how long its
body is. Everything else is left to mitmproxy.
"""

from collections.abc import Iterable

from h11._readers import ContentLengthReader
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.net.http.status_codes import RESPONSES
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import Http1Connection
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseHeaders

from addons.failover.message_heads import drop_blank_lines
from addons.failover.message_heads import is_of_another_version

_VERSION = b"HTTP/1.1"


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

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            drop_blank_lines(self.buf)
            if is_of_another_version(self.buf):
                yield SendData(self.conn, refusal(505, "This connection speaks HTTP/1.1."))
                yield CloseConnection(self.conn)
                self.state = self.done
                return
        yield from super().read_headers(event)

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        data = self.whole_body(event)
        if data is None:
            for command in self._read_body(event):
                if isinstance(command, CloseConnection) and self._may_refuse():
                    # Nothing else closes here but a body that breaks off, or is in no chunks.
                    yield SendData(self.conn, refusal(400, "The request's body is broken."))
                yield command
            return
        yield ReceiveHttp(RequestData(self.stream_id, data))
        yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
        yield from self.mark_done(request=True)

    def _may_refuse(self) -> bool:
        """Whether the client still waits for an answer to the body that is being read."""
        can_write = bool(self.conn.state & ConnectionState.CAN_WRITE)
        return can_write and self.response is None and self.state == self.read_body

    def _read_body(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            # Trailers, which mitmproxy does not implement: it would log a crash, and the client
            # wait for ever. The body is complete, and nobody here asks for them.
            assert self.stream_id is not None
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)


def refusal(status: int, message: str) -> bytes:
    """An answer to what is no request, after which the connection closes."""
    head = f"HTTP/1.1 {status} {RESPONSES[status]}\r\nConnection: close\r\n"
    kind = "Content-Type: text/plain; charset=utf-8\r\n"
    return f"{head}{kind}Content-Length: {len(message)}\r\n\r\n{message}".encode()
