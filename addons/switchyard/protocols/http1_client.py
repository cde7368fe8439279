"""The HTTP/1 client towards upstreams, more patient than mitmproxy's."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.commands import Command
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseProtocolError

from switchyard.protocols.chunked import whole_chunks
from switchyard.protocols.http1 import QuickHttp1
from switchyard.protocols.http1 import without_large_body
from switchyard.protocols.message_heads import drop_blank_lines
from switchyard.protocols.message_heads import too_large
from switchyard.protocols.message_heads import upstream_heads
from switchyard.protocols.written_heads import pieces
from switchyard.protocols.written_heads import request_head


class FastPathSink(Protocol):
    """Takes pieces of the body that a connection's present answer has."""

    @property
    def ready(self) -> bool:
        """Whether it can take a piece now."""
        ...

    def take(self, data: bytes) -> CommandGenerator[None]: ...

    def close(self) -> None:
        """The answer is complete."""
        ...


@dataclass
class WholeRequest(HttpEvent):
    """A request with all of its body, for a connection that takes it (`takes_whole`)."""

    request: http.Request


_CRLF = b"\r\n"
"""What ends a chunk, and is read with the next one."""

_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r]")


class PatientHttp1Client(QuickHttp1, Http1Client):
    """Skips interim responses (100, 102, 103), which may come first (RFC 9110, 15.2).

    mitmproxy takes the first of them for the response and then fails at the real one. A switch
    of protocols (101) is a response.
    """

    fast_path: FastPathSink | None = None
    """Takes what chunks carry, where it offers to, without events of their own for each."""

    answered_at: float | None = None
    """When the last answer was complete, on the clock of `time.monotonic`."""

    @property
    def is_idle(self) -> bool:
        """Whether it can carry another request."""
        free = self.request is None and not self.buf._data
        return free and self.state == self.read_headers

    @classmethod
    def adopt(cls, stack: Layer) -> None:
        """Give the connection of the layers `stack` this client, if it speaks HTTP/1."""
        *_, maker, layer = stack.context.layers
        if type(layer) is Http1Client:
            layer.__class__ = cls
            if getattr(layer.state, "__func__", None) is Http1Client.read_headers:
                layer.state = layer.read_headers
            if type(maker) is HttpClient:
                # It has nothing more to do than to hand everything on.
                maker.handle_event = layer.handle_event

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if (
            self.fast_path is not None
            and type(event) is events.DataReceived
            and self.begins_a_chunk
            and self.fast_path.ready
        ):
            body, rest = whole_chunks(event.data)
            if body:
                return self._take_fast_path(self.fast_path, body, rest)
        return super().handle_event(event)

    @property
    def reads_chunks(self) -> bool:
        """Whether the answer's body is chunked, so that there is something to take."""
        return type(self.body_reader) is ChunkedReader

    @property
    def begins_a_chunk(self) -> bool:
        """Whether the next byte begins a chunk of the body."""
        reader = self.body_reader
        return (
            type(reader) is ChunkedReader
            and not reader._bytes_in_chunk
            and not reader._bytes_to_discard
            and not reader._reading_trailer
            and not self.buf
            and self.state == self.read_body
        )

    def _take_fast_path(
        self, fast_path: FastPathSink, body: bytes, rest: bytes
    ) -> CommandGenerator[None]:
        yield from fast_path.take(body)
        if rest:
            yield from self.handle_event(events.DataReceived(self.conn, rest))

    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        if response:
            self._end_answer()
        yield from super().mark_done(request=request, response=response)

    def leave_fast_path(self) -> None:
        """Lets go of what takes the present answer's chunks, and of its request with that."""
        if self.fast_path is not None:
            self.fast_path.close()
            self.fast_path = None

    def _end_answer(self) -> None:
        """The answer is complete: what follows on the connection belongs to another request."""
        self.leave_fast_path()
        self.answered_at = time.monotonic()

    def send_quickly(self, event: HttpEvent) -> Iterable[Command] | None:
        kind = type(event)
        if kind is WholeRequest:
            whole = event.request  # type: ignore[attr-defined]
            self.stream_id, self.request_done = event.stream_id, True
            self.request = without_large_body(whole)
            sent = pieces(request_head(whole), whole.data.content)
            return [SendData(self.conn, data) for data in sent]
        if kind is RequestHeaders:
            request = event.request  # type: ignore[attr-defined]
            if self.stream_id is not None or request.data.http_version != b"HTTP/1.1":
                return None
            self.stream_id, self.request = event.stream_id, without_large_body(request)
            return (SendData(self.conn, request_head(request)),)
        request = self.request
        if event.stream_id != self.stream_id or request is None:
            return None
        if "transfer-encoding" in request.headers:
            return None
        if kind is RequestData and event.data:  # type: ignore[attr-defined]
            return (SendData(self.conn, event.data),)  # type: ignore[attr-defined]
        if kind is RequestEndOfMessage and self.response is None:
            # Nothing else comes of the end of a body whose length was told before.
            self.request_done = True
            return ()
        return None

    def takes_whole(self, request: http.Request) -> bool:
        """Whether a request may be sent as a `WholeRequest`."""
        if not request.data.content or request.data.http_version != b"HTTP/1.1":
            return False
        headers = request.data.headers
        known = "content-length" in headers and "transfer-encoding" not in headers
        return known and self.is_idle

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        switches = self.response is not None and self.response.status_code == 101
        data = None if switches else self.whole_body(event)
        return self._read_body(event, switches) if data is None else self._take_body(data)

    def _take_body(self, data: bytes) -> CommandGenerator[None]:
        stream_id = self.stream_id
        assert stream_id is not None
        yield ReceiveHttp(self.ReceiveData(stream_id, data))
        if self.response is not None and self.request_done and self.may_go_on(self.response):
            self._end_answer()
            self.stream_id = None
            self.begin_anew()
        else:
            yield from self.mark_done(response=True)
        yield ReceiveHttp(self.ReceiveEndOfMessage(stream_id))

    def _read_body(self, event: events.Event, switches: bool) -> CommandGenerator[None]:
        # What comes of the end may be another request on this connection, which mitmproxy makes
        # ready for it only after it told of the end.
        end: ReceiveHttp | None = None
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp) and not switches:
                if isinstance(command.event, ResponseEndOfMessage):
                    end = command
                    continue
            yield command
            if self.fast_path is not None and len(self.buf) > len(_CRLF):
                yield from self._chunks_at_once()
        if end is not None:
            yield end

    def _chunks_at_once(self) -> CommandGenerator[None]:
        """Hand on all whole chunks that are there as one, which mitmproxy does one by one.

        Not before the client has the beginning of the response: an error right behind it must not
        depend on what arrives together. The first chunks often come with the head.
        """
        reader, held = self.body_reader, self.buf._data
        if type(reader) is not ChunkedReader or reader._bytes_in_chunk or self.stream_id is None:
            return
        if reader._bytes_to_discard != _CRLF or not held.startswith(_CRLF):
            return
        body, rest = whole_chunks(bytes(held[len(_CRLF) :]))
        if body:
            self.buf.maybe_extract_at_most(len(held) - len(rest))
            reader._bytes_to_discard = b""
            yield ReceiveHttp(self.ReceiveData(self.stream_id, body))

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.request is not None:
            drop_blank_lines(self.buf)  # which some send behind the body before
            while _INTERIM.match(self.buf._data):
                if self.buf.maybe_extract_lines() is None:
                    yield from self._limit_head()
                    return
        yield from super().read_headers(event)
        if self.response is None and self.state == self.read_headers:
            yield from self._limit_head()

    def _limit_head(self) -> CommandGenerator[None]:
        """End the answer where its head, of which the end has not come, is too large."""
        if self.stream_id is None or len(self.buf) <= upstream_heads.most_bytes:
            return
        self.buf = ReceiveBuffer()
        self.state = self.done
        yield CloseConnection(self.conn)
        error = ResponseProtocolError(self.stream_id, too_large(), ErrorCode.GENERIC_SERVER_ERROR)
        yield ReceiveHttp(error)


def http1_client_of(layer: HttpLayer, server: Connection) -> PatientHttp1Client | None:
    """What speaks HTTP/1 to a server; None if that speaks HTTP/2, or is gone."""
    stack = layer.connections.get(server)
    client = stack.context.layers[-1] if stack is not None else None
    return client if isinstance(client, PatientHttp1Client) else None


def give_up_answer(layer: HttpLayer, server: Connection | None, stream_id: int) -> None:
    """Has nothing take the rest of an answer that is not complete, if a server's is that one."""
    client = http1_client_of(layer, server) if server is not None else None
    if client is not None and client.stream_id == stream_id:
        client.leave_fast_path()
