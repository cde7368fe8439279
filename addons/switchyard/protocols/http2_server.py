"""HTTP/2 towards a client: heads up to the limits, and bounded buffers."""

import time
from collections import Counter
from typing import Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event as H2Event
from h2.events import RequestReceived
from h2.events import StreamReset
from h2.exceptions import DenialOfServiceError
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.proxy.layers.http._http2 import Http2Server
from mitmproxy.proxy.layers.http._http2 import parse_h2_request_headers
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection

from switchyard.config.limits import Limits
from switchyard.listener.bounds import Share
from switchyard.protocols.error_pages import answer_to
from switchyard.protocols.heads import TooMuch
from switchyard.protocols.heads import too_large
from switchyard.protocols.heads import too_late
from switchyard.protocols.heads import too_long
from switchyard.protocols.heads import too_many


class Http2Owner(Protocol):
    """The layer that has the connection."""

    share: Share

    def upstream_of(self, stream_id: int) -> Connection | None:
        """The connection that a stream's answer comes by, where there is one."""
        ...

    def request_of(self, stream_id: int) -> http.Request | None:
        """The head of a stream's request, while the stream goes on."""
        ...


HIGH = 262_144
"""Bytes of an answer that wait for the client, from which on its upstream is held back."""
LOW = 65_536
"""And down to which they have to go until it is read again."""

AGAIN = 0.1
"""Seconds until it is looked again whether the client takes what it was sent."""

_UNREADABLE = TooMuch(400, "the head of the request is malformed")
_PIECE = 16_384
"""Bytes that are read at once: h2 moves all that is left after each frame."""
_BLOCK = 2
"""How many times the size of a head its compressed form may have."""
_ENTRY = 32
"""What each header counts besides its bytes (RFC 9113, section 6.5.2)."""
_LAST_STREAM = 2**31 - 1
"""In a GOAWAY: all streams are answered that the client began before it read that (RFC 9113,
section 6.8)."""
_KNOWN = 256
"""Streams of which it is remembered how much was sent, until those that are over are forgotten."""
RESETS = 256
"""Requests that a client may take back at once, beyond those that it lets be answered: each costs
as much as one that is, and no number of open streams bounds them (CVE-2023-44487)."""
RESETS_PER_SECOND = 10
"""Further resets allowed per second: tools that complete as users type cancel recent requests."""


class _Counting(H2Connection):
    """Counts what goes out, below mitmproxy's buffers."""

    sent: Counter[int]

    def send_data(
        self,
        stream_id: int,
        data: bytes | memoryview,
        end_stream: bool = False,
        pad_length: int | None = None,
    ) -> None:
        self.sent[stream_id] += len(data)
        super().send_data(stream_id, data, end_stream, pad_length)


class _Bounded(BufferedH2Connection, _Counting):  # type: ignore[misc]
    largest_block: int

    def receive_data(self, data: bytes) -> list[H2Event]:  # type: ignore[override]
        found: list[H2Event] = []
        for start in range(0, len(data), _PIECE):
            found += super().receive_data(data[start : start + _PIECE])
            block = self.incoming_buffer._headers_buffer
            if block and sum(len(frame.data) for frame in block) > self.largest_block:
                raise DenialOfServiceError("the head of a request is too large")
        return found

    def _local_settings_acked(self) -> dict:
        changes = super()._local_settings_acked()
        # What is little more than the client was told is read, so that it can be answered.
        self.decoder.max_header_list_size = self.largest_block
        return changes


class BoundedHttp2Server(Http2Server):
    """Towards a client.

    Refuses heads beyond the limits by an answer on their stream, and those far beyond them by
    the end of the connection. Holds back the upstream of an answer that the client has no window
    for, and the client itself while its socket does not take what it was sent.
    """

    h2_conn: _Bounded  # type: ignore[assignment]

    @classmethod
    def adopt(cls, layer: Layer, owner: Http2Owner) -> CommandGenerator[None]:
        """Give the layer of a client's connection this class, if it speaks HTTP/2."""
        if type(layer) is not Http2Server:
            return
        layer.__class__ = cls
        assert isinstance(layer, cls)
        layer._begin(owner)
        h2 = layer.h2_conn
        head = owner.share.limits.head
        if head != h2.local_settings.max_header_list_size:
            h2.update_settings({SettingCodes.MAX_HEADER_LIST_SIZE: head})
            yield commands.SendData(layer.conn, h2.data_to_send())

    def _begin(self, owner: Http2Owner) -> None:
        self._owner = owner
        self._handed: Counter[int] = Counter()
        self._held: dict[int, Connection] = {}
        self._cut: set[int] = set()
        self._reading: RequestReceived | None = None
        self._resets, self._reset_at = 0.0, time.monotonic()
        self._leaving = self._told_leaving = False
        self._stall: commands.RequestWakeup | None = None
        self._head: tuple[commands.RequestWakeup, object] | None = None
        self.h2_conn.__class__ = _Bounded
        self.h2_conn.sent = Counter()
        self.h2_conn.largest_block = _BLOCK * owner.share.limits.head
        self.h2_conn.decoder.max_header_list_size = self.h2_conn.largest_block

    def cut_off(self, stream_id: int) -> None:
        """Read no more of a stream's request: its response comes next."""
        self._cut.add(stream_id)

    def leave(self) -> CommandGenerator[None]:
        """Have the client begin no more requests here: GOAWAY, as soon as a response has ended.

        Not before: clients that are made with h2 give up their running streams upon it.
        """
        self._leaving = True
        if not self.h2_conn.open_inbound_streams:
            yield from self._tell_leaving()

    def end(self) -> CommandGenerator[None]:
        """Close the connection, on which nothing runs any more."""
        self.h2_conn.close_connection(ErrorCodes.NO_ERROR)
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())
        yield commands.CloseConnection(self.conn)

    def _tell_leaving(self) -> CommandGenerator[None]:
        if not self._told_leaving:
            self._told_leaving = True
            # h2 would send nothing more after a GOAWAY of its own.
            frame = GoAwayFrame(0, last_stream_id=_LAST_STREAM, error_code=ErrorCodes.NO_ERROR)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send() + frame.serialize())

    def let_go(self) -> None:
        """The client is gone."""
        for stream_id in list(self._held):
            self._release(stream_id)
        self.h2_conn.stream_buffers.clear()

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Wakeup):
            yield from self._woken(event.command)
            return
        if isinstance(event, ResponseData):
            self._handed[event.stream_id] += len(event.data)
        ends = isinstance(event, ResponseEndOfMessage)
        awaited = ends and not self.is_closed(event.stream_id)
        if isinstance(event, ResponseProtocolError) and (answer := self._answer_to(event)):
            yield from self._send(event.stream_id, answer)
        else:
            yield from super()._handle_event(event)
        if isinstance(event, ResponseData):
            self._hold_back(event.stream_id)
        elif isinstance(event, ResponseEndOfMessage | ResponseProtocolError):
            if awaited:
                self._resets -= 1.0
            yield from self._ended(event.stream_id)
            if self._leaving and not self.h2_conn.stream_buffers.get(event.stream_id):
                yield from self._tell_leaving()
        elif isinstance(event, events.DataReceived):
            self._look_again()
            yield from self._watch_head()
        if self._stall is None and not isinstance(event, events.ConnectionClosed):
            yield from self._stall_while_congested()

    def handle_h2_event(self, event: H2Event) -> CommandGenerator[bool]:
        if isinstance(event, RequestReceived) and event.stream_id is not None:
            wrong = _wrong_with(event.headers or [], self._owner.share.limits)
            if wrong is not None:
                yield from self._refuse(event, wrong)
                return False
            self._reading = event
            yield from super().handle_h2_event(event)
            self._reading = None
            return False
        elif isinstance(event, StreamReset) and event.remote_reset:
            if self._resets_too_much():
                message = f"the client took back more than {RESETS} requests at once"
                yield from self.protocol_error(message, ErrorCodes.ENHANCE_YOUR_CALM)
                return True
        return (yield from super().handle_h2_event(event))

    def protocol_error(
        self, message: str, error_code: int = ErrorCodes.PROTOCOL_ERROR
    ) -> CommandGenerator[None]:
        """End the connection; but for a head that cannot be read, its stream alone.

        Streams beside it may be those of other clients, behind a proxy. RFC 9113, section 8.1.1.
        """
        if self._reading is None:
            yield from super().protocol_error(message, error_code)
        else:
            yield from self._refuse(self._reading, _UNREADABLE)

    def _resets_too_much(self) -> bool:
        """Count a request that the client took back; whether that is one too much."""
        now = time.monotonic()
        forgiven = (now - self._reset_at) * RESETS_PER_SECOND
        self._resets, self._reset_at = max(0.0, self._resets - forgiven) + 1.0, now
        return self._resets > RESETS

    def _refuse(self, event: RequestReceived, wrong: TooMuch) -> CommandGenerator[None]:
        answer = self._owner.share.refuse(_request_of(event), wrong.status, wrong.message)
        stream_id = event.stream_id
        assert stream_id is not None
        yield from self._send(stream_id, answer)

    def _answer_to(self, error: ResponseProtocolError) -> http.Response | None:
        stream_id = error.stream_id
        if self.is_closed(stream_id) or not self.is_open_for_us(stream_id):
            return None
        if self.h2_conn.streams[stream_id].state_machine.headers_sent:
            return None
        return answer_to(error, self._owner.request_of(stream_id), self._owner.share.refuse)

    def _send(self, stream_id: int, answer: http.Response) -> CommandGenerator[None]:
        named = [(name.lower(), value) for name, value in answer.headers.fields]
        status = b":status", b"%d" % answer.status_code
        self.h2_conn.send_headers(stream_id, [status, *named])
        self.h2_conn.send_data(stream_id, answer.raw_content or b"", end_stream=True)
        yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def _hold_back(self, stream_id: int) -> None:
        if stream_id not in self._held and self._waiting(stream_id) > HIGH:
            upstream = self._owner.upstream_of(stream_id)
            if upstream is not None:
                self._held[stream_id] = upstream
                self._owner.share.holding.hold(upstream)

    def _waiting(self, stream_id: int) -> int:
        return self._handed[stream_id] - self.h2_conn.sent[stream_id]

    def _look_again(self) -> None:
        for stream_id in list(self._held):
            if self._waiting(stream_id) <= LOW or self.is_closed(stream_id):
                self._release(stream_id)
        if len(self.h2_conn.sent) > _KNOWN:
            for stream_id in [one for one in self.h2_conn.sent if self.is_closed(one)]:
                del self.h2_conn.sent[stream_id]
                self._handed.pop(stream_id, None)

    def _release(self, stream_id: int) -> None:
        self._owner.share.holding.release(self._held.pop(stream_id))

    def _ended(self, stream_id: int) -> CommandGenerator[None]:
        if stream_id in self._held:
            self._release(stream_id)
        if stream_id not in self._cut:
            return
        self._cut.discard(stream_id)
        if not self.is_closed(stream_id) and not self.h2_conn.stream_buffers.get(stream_id):
            # RFC 9113, section 8.1: a complete answer before the end of its request.
            self.h2_conn.reset_stream(stream_id, ErrorCodes.NO_ERROR)
            yield commands.SendData(self.conn, self.h2_conn.data_to_send())

    def _stall_while_congested(self) -> CommandGenerator[None]:
        holding = self._owner.share.holding
        if holding.congested(self.conn):
            holding.hold(self.conn)
            self._stall = commands.RequestWakeup(AGAIN)
            yield self._stall

    def _watch_head(self) -> CommandGenerator[None]:
        block = self.h2_conn.incoming_buffer._headers_buffer
        if not block:
            self._head = None
        elif self._head is None or self._head[1] is not block[0]:
            wake = commands.RequestWakeup(self._owner.share.limits.head_time)
            self._head = wake, block[0]
            yield wake

    def _woken(self, command: commands.Command) -> CommandGenerator[None]:
        if self._head is not None and command is self._head[0]:
            message = too_late(self._owner.share.limits).message
            yield from self.protocol_error(message, ErrorCodes.ENHANCE_YOUR_CALM)
        elif command is self._stall:
            self._stall = None
            self._owner.share.holding.release(self.conn)
            yield from self._stall_while_congested()


def _wrong_with(headers: list[tuple[bytes, bytes]], limits: Limits) -> TooMuch | None:
    """Return what is wrong with a head; pseudo-headers count by size, not by number."""
    size = number = 0
    for name, value in headers:
        size += len(name) + len(value) + _ENTRY
        number += not name.startswith(b":")
        if name == b":path" and len(value) > limits.request_line:
            return too_long(limits)
    if size > limits.head:
        return too_large(limits)
    return too_many(limits) if number > limits.headers else None


def _request_of(event: RequestReceived) -> http.Request | None:
    """Return what is known of a refused request, so that its format is found."""
    try:
        found = parse_h2_request_headers(event.headers or [])
    except ValueError:
        return None
    host, port, method, scheme, authority, path, headers = found
    return http.Request(
        host, port, method, scheme, authority, path, b"HTTP/2.0", headers, b"", None, 0, 0
    )
