"""HTTP/1 on both sides, with fewer steps than mitmproxy for frequent messages.

A message of HTTP/1.1 with a length takes the short ways here. Everything else is left to mitmproxy.
"""

import re
import time
from collections.abc import Iterable
from copy import copy
from typing import Any

from h11 import Data
from h11 import ProtocolError
from h11._readers import ChunkedReader
from h11._readers import ContentLengthReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import http1
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.commands import CloseTcpConnection
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.commands import RequestWakeup
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import Http1Connection
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders

from switchyard.listener.bounds import Share
from switchyard.listener.bounds import unbounded
from switchyard.protocols.chunked import whole_chunks
from switchyard.protocols.error_pages import AnsweringHttp1Server
from switchyard.protocols.heads import HeadMeter
from switchyard.protocols.heads import TooMuch
from switchyard.protocols.heads import too_late
from switchyard.protocols.message_heads import drop_blank_lines
from switchyard.protocols.message_heads import is_of_another_version
from switchyard.protocols.written_heads import pieces
from switchyard.protocols.written_heads import response_head

WAITING = 1_048_576
"""Bytes of further requests that are read while one waits for its answer."""

AGAIN = 0.1
"""Seconds until it is looked again whether the client takes what it was sent."""

LARGE = 65536
"""Bytes of a body that are worth a copy of its message without it."""

LINGER = 2.0
"""Seconds that a client gets to read its last answer."""
LINGERING = 8_388_608
"""Bytes that it may still send meanwhile."""

SWITCHING = 101
"""The status with which a connection goes over to another protocol."""

_VERSION = b"HTTP/1.1"
_PLAIN_METHODS = (b"POST", b"GET")


def nothing() -> CommandGenerator[None]:
    """The commands of an event that nothing comes of."""
    yield from ()


class QuickHttp1(Http1Connection):
    """What both sides of HTTP/1 have in common: neither ever waits for anything."""

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self.debug is not None:
            return super().handle_event(event)
        if isinstance(event, HttpEvent):
            sent = self.send_quickly(event)
            return self.send(event) if sent is None else sent  # type: ignore[return-value]
        if type(event) is events.DataReceived and self.state != self.passthrough:
            if self._is_body(event.data):
                assert self.stream_id is not None
                return (ReceiveHttp(self.ReceiveData(self.stream_id, event.data)),)  # type: ignore[return-value]
            self.buf += event.data
        return self.state(event)

    def _is_body(self, data: bytes) -> bool:
        """Takes what is all of it within a body whose length is known, and not its end.

        By way of the buffer it would be copied four times.
        """
        if self.state != self.read_body or self.buf._data or self.stream_id is None:
            return False
        reader = self.body_reader
        if type(reader) is not ContentLengthReader or not 0 < len(data) < reader._remaining:
            return False
        reader._remaining -= len(data)
        return True

    def send_quickly(self, event: HttpEvent) -> Iterable[Command] | None:
        """What there is to do to send something; None where mitmproxy has to see to that."""
        raise NotImplementedError

    def whole_body(self, event: events.Event) -> bytes | None:
        """The body, where all of it has come that is not read yet; None otherwise."""
        reader = self.body_reader
        if type(reader) is not ContentLengthReader or type(event) is not events.DataReceived:
            return None
        left = reader._remaining
        if not 0 < left <= len(self.buf._data) or self.stream_id is None:
            return None
        if self.request is None or self.request.data.method == b"CONNECT":
            return None
        data = self.buf.maybe_extract_at_most(left)
        reader._remaining = 0
        return bytes(data or b"")

    def may_go_on(self, response: http.Response) -> bool:
        """Whether the connection can carry another request after this response.

        False too where one has come already, and for what is rare: mitmproxy sees to that in its
        `mark_done`.
        """
        request = self.request
        if request is None or self.buf._data or request.data.method not in _PLAIN_METHODS:
            return False
        if request.data.http_version != _VERSION or response.data.http_version != _VERSION:
            return False
        return (
            response.data.status_code != SWITCHING
            and not http1.connection_close(_VERSION, request.data.headers)
            and not http1.connection_close(_VERSION, response.data.headers)
        )

    def begin_anew(self) -> None:
        """The present request has its response, and another may come."""
        self.request_done = self.response_done = False
        self.request = self.response = None
        self.state = self.read_headers


class QuickHttp1Server(QuickHttp1, AnsweringHttp1Server):
    """The side towards a client. Reads heads and chunk framing up to the limits."""

    _meter: HeadMeter
    _head_since: float | None = None
    """When the first byte of a head came that is not whole yet, on the clock of
    `time.monotonic`."""
    _watch: RequestWakeup | None = None
    _stall: RequestWakeup | None = None
    _held: bool = False
    """Whether nothing is read from the client."""
    _cut: bool = False
    """Whether nothing more is read of the request that is answered now."""
    _left: int | None = None
    """Bytes that may still come once the last answer was given; None before that."""

    @classmethod
    def adopt(cls, layer: Layer, share: Share | None = None) -> None:
        """Give the layer of a client's connection this class, if it speaks HTTP/1."""
        if type(layer) is Http1Server:
            layer.__class__ = cls
            assert isinstance(layer, cls)
            layer.share = share or unbounded()
            layer._meter = HeadMeter()
            layer.state = layer.read_headers

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        kind = type(event)
        if kind is events.Wakeup:
            return self._woken(event.command)  # type: ignore[attr-defined]
        if self._cut and (self._left is not None or kind is events.DataReceived):
            return self._linger(event)
        return super().handle_event(event)

    def cut_off(self) -> None:
        """What comes next is the last answer, after which nothing is read any more."""
        self._cut = True
        self.buf = ReceiveBuffer()

    def let_go(self) -> None:
        """The client is gone."""
        self.buf = ReceiveBuffer()
        self.request = without_large_body(self.request) if self.request is not None else None
        self.response = without_large_body(self.response) if self.response is not None else None

    def send_quickly(self, event: HttpEvent) -> Iterable[Command] | None:
        if event.stream_id != self.stream_id:
            return None
        if type(event) is ResponseHeaders and event.response.data.http_version == _VERSION:
            self.response = event.response
            return (SendData(self.conn, response_head(event.response)),)
        if type(event) is ResponseData and self.response is not None:
            if event.data and "transfer-encoding" not in self.response.headers:
                return (SendData(self.conn, event.data),)
        if type(event) is ResponseEndOfMessage and self.response is not None:
            chunked = self.response.headers.get("transfer-encoding") == "chunked"
            if chunked and self._goes_on_after(self.response):
                return (SendData(self.conn, b"0\r\n\r\n"),)
        return None

    def send_whole(
        self, stream_id: int, response: http.Response, content: bytes
    ) -> tuple[bytes, ...] | None:
        """Return a complete response as bytes, and make ready for another request.

        Returns None, and does nothing, where its parts must be sent one by one.
        """
        headers = response.data.headers
        if stream_id != self.stream_id or self.response is not None or response.data.trailers:
            return None
        if "content-length" not in headers or "transfer-encoding" in headers:
            return None
        return pieces(response_head(response), content) if self._goes_on_after(response) else None

    def _goes_on_after(self, response: http.Response) -> bool:
        """Make ready for another request, if the connection can carry one after this response."""
        if not self.request_done or self._cut or self._held or not self.may_go_on(response):
            return False
        self.begin_anew()
        self.stream_id += 2
        return True

    def send(self, event: HttpEvent) -> CommandGenerator[None]:
        yield from super().send(event)
        if self._cut and type(event) is ResponseEndOfMessage:
            yield from self._hang_up()

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            if self.share.holding.congested(self.conn):
                return self._stall_until_taken()
            drop_blank_lines(self.buf)
            if not self.buf._data:
                return nothing()
            if is_of_another_version(self.buf):
                return self._refuse(TooMuch(505, "This connection speaks HTTP/1.1."))
            found = self._meter.look(self.buf._data, self.share.limits)
            if isinstance(found, TooMuch):
                return self._refuse(found)
            if not found:
                return self._watch_head()
            self._head_since = None
        return super().read_headers(event)

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        data, reader = self.whole_body(event), self.body_reader
        if data is not None:
            return self._take_body(data)
        if type(reader) is ChunkedReader and type(event) is events.DataReceived:
            return self._read_chunks(reader, event)
        return super().read_body(event)

    def _take_body(self, data: bytes) -> CommandGenerator[None]:
        yield ReceiveHttp(RequestData(self.stream_id, data))
        # Read on from here, and not only once the end was told of: the response may come with that.
        self.request_done = True
        self.state = self.wait
        yield ReceiveHttp(RequestEndOfMessage(self.stream_id))

    def _may_refuse(self) -> bool:
        """Whether the client still waits for an answer to the body that is being read."""
        can_write = bool(self.conn.state & ConnectionState.CAN_WRITE)
        return can_write and self.response is None and self.state == self.read_body

    def wait(self, event: events.Event) -> CommandGenerator[None]:
        if len(self.buf) > WAITING and not self._held:
            self._hold()
        yield from super().wait(event)

    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        if response and self._held:
            self._release()
        yield from super().mark_done(request=request, response=response)

    def _read_chunks(
        self, reader: ChunkedReader, event: events.DataReceived
    ) -> CommandGenerator[None]:
        """Read chunks as mitmproxy does, with all data as one piece.

        Sizes with their extensions, and trailers, are limited as a head is.
        """
        data = bytearray(_take_whole_chunks(self.buf, reader))
        wrong = ""
        end: Any = None
        try:
            while isinstance(end := reader(self.buf), Data):
                data += end.data
        except ProtocolError as e:
            wrong = f"HTTP/1 protocol error: {e}"
        if not wrong and end is None and len(self.buf) > self.share.limits.head:
            wrong = "The request's body has a chunk whose size, or a trailer, that is too long."
        if data:
            yield ReceiveHttp(RequestData(self.stream_id, bytes(data)))
        if wrong:
            if not self._may_refuse():
                yield CloseConnection(self.conn)
            yield ReceiveHttp(
                RequestProtocolError(self.stream_id, wrong, RequestProtocolError.code)
            )
            if self._may_refuse():
                yield from self._refuse(TooMuch(400, "The request's body has malformed chunks."))
        elif end is not None and not self._cut:
            # Trailers are left out: mitmproxy implements none, and nobody here asks for them.
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)

    def has(self, size: int) -> bool:
        """Whether so many bytes have come that are not read yet."""
        return len(self.buf) >= size

    def _watch_head(self) -> CommandGenerator[None]:
        """A head has begun to come."""
        if self._head_since is None:
            self._head_since = time.monotonic()
            if self._watch is None:
                self._watch = RequestWakeup(self.share.limits.head_time)
                yield self._watch

    def _woken(self, command: Command) -> CommandGenerator[None]:
        if command is self._stall:
            self._stall = None
            yield from self._go_on()
        elif command is self._watch:
            self._watch = None
            if self._left is not None:
                yield CloseConnection(self.conn)
            if self._left is not None or self._head_since is None:
                return
            left = self._head_since + self.share.limits.head_time - time.monotonic()
            if left <= 0:
                yield from self._refuse(too_late(self.share.limits))
            else:
                self._watch = RequestWakeup(left)
                yield self._watch

    def _stall_until_taken(self) -> CommandGenerator[None]:
        """Read nothing more of a client until it has read its responses."""
        if not self._held:
            self._hold()
        if self._stall is None:
            self._stall = RequestWakeup(AGAIN)
            yield self._stall

    def _go_on(self) -> CommandGenerator[None]:
        if self.share.holding.congested(self.conn):
            yield from self._stall_until_taken()
            return
        if self._held:
            self._release()
        if self.buf and self.state == self.read_headers:
            yield from self.state(events.DataReceived(self.conn, b""))

    def _hold(self) -> None:
        self._held = True
        self.share.holding.hold(self.conn)

    def _release(self) -> None:
        self._held = False
        self.share.holding.release(self.conn)

    def _refuse(self, wrong: TooMuch) -> CommandGenerator[None]:
        """Answer a request whose head is not read, in its format if its line names one."""
        request = self.request or begun_request(self.buf._data)
        answer = self.share.refuse(request, wrong.status, wrong.message)
        answer.headers["connection"] = "close"
        yield SendData(self.conn, http1.assemble_response(answer))
        yield from self._hang_up()

    def _hang_up(self) -> CommandGenerator[None]:
        """Close the connection once the client had time to read the last response.

        What it still sends would make its system discard that (RFC 9112, section 9.6).
        """
        self.cut_off()
        self._left = LINGERING
        self._watch = RequestWakeup(LINGER)
        yield CloseTcpConnection(self.conn, half_close=True)
        yield self._watch

    def _linger(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            if self._left is None:
                return  # the answer is yet to come
            self._left -= len(event.data)
            if self._left < 0:
                yield CloseConnection(self.conn)
        elif isinstance(event, events.ConnectionClosed):
            yield CloseConnection(self.conn)


def without_large_body[M: http.Message](message: M) -> M:
    """Returns what a layer keeps of a message whose body it no longer needs.

    Layers are in cycles: the body would stay until the garbage collector comes by. The message
    itself keeps it, for its flow.
    """
    if len(message.data.content or b"") < LARGE:
        return message
    bare = copy(message)
    bare.data = copy(message.data)
    bare.data.content = None
    return bare


def _take_whole_chunks(buffer: ReceiveBuffer, reader: ChunkedReader) -> bytes:
    """Take what came without extensions and in whole chunks, of which there may be many."""
    if reader._bytes_in_chunk or reader._bytes_to_discard or reader._reading_trailer:
        return b""
    came = bytes(buffer)
    body, rest = whole_chunks(came)
    if body:
        buffer.maybe_extract_at_most(len(came) - len(rest))
    return body


def begun_request(data: bytes | bytearray) -> http.Request | None:
    """Return a request with the first line alone; None if that is not a request line."""
    first = re.match(rb"([A-Z]{1,32}) (\S{1,16384}) HTTP/1\.[01]\r?\n", data)
    if first is None:
        return None
    method, path = first.groups()
    return http.Request("", 0, method, b"", b"", path, _VERSION, http.Headers(), b"", None, 0, 0)
