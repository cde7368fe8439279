"""The HTTP/1 client towards upstreams, more patient than mitmproxy's."""

import re
import time
from typing import Protocol

from h11._readers import ChunkedReader
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import HttpClient
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import ResponseEndOfMessage

from addons.failover.chunks import whole_chunks
from addons.failover.http1 import QuickHttp1


class Straight(Protocol):
    """Takes pieces of the body that a connection's present answer has."""

    @property
    def ready(self) -> bool:
        """Whether it can take a piece now."""
        ...

    def take(self, data: bytes) -> CommandGenerator[None]: ...

    def close(self) -> None:
        """The answer is complete."""
        ...


_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r]")


class PatientHttp1Client(QuickHttp1, Http1Client):
    """Skips interim responses (100, 102, 103), which may precede any answer (RFC 9110, 15.2).

    mitmproxy takes the first of them for the answer and then stumbles over the real one. A switch
    of protocols (101) is an answer.
    """

    straight: Straight | None = None
    """Takes what chunks carry, where it offers to, without events of their own for each."""

    answered_at: float | None = None
    """When the last answer was complete, on the clock of `time.monotonic`."""

    @property
    def is_idle(self) -> bool:
        """Whether it can carry another request."""
        return self.request is None and self.state == self.read_headers and not self.buf

    @classmethod
    def adopt(cls, stack: Layer) -> None:
        """Give the connection whose layers `stack` belongs to our client, if it speaks HTTP/1."""
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
            self.straight is not None
            and type(event) is events.DataReceived
            and self.begins_a_chunk
            and self.straight.ready
        ):
            body, rest = whole_chunks(event.data)
            if body:
                return self._go_straight(self.straight, body, rest)
        return super().handle_event(event)

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

    def _go_straight(self, straight: Straight, body: bytes, rest: bytes) -> CommandGenerator[None]:
        yield from straight.take(body)
        if rest:
            yield from self.handle_event(events.DataReceived(self.conn, rest))

    def mark_done(self, *, request: bool = False, response: bool = False) -> CommandGenerator[None]:
        if response:
            if self.straight is not None:
                self.straight.close()
                self.straight = None
            self.answered_at = time.monotonic()
        yield from super().mark_done(request=request, response=response)

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        # What comes of the end may be another request on this connection, which mitmproxy makes
        # ready for it only after it told of the end.
        switches = self.response is not None and self.response.status_code == 101
        end: ReceiveHttp | None = None
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp) and not switches:
                if isinstance(command.event, ResponseEndOfMessage):
                    end = command
                    continue
            yield command
        if end is not None:
            yield end

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.request is not None:
            while _INTERIM.match(bytes(self.buf)):
                if self.buf.maybe_extract_lines() is None:
                    return
        yield from super().read_headers(event)
