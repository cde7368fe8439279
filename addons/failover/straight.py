"""The short way of a stream's pieces: from the upstream's chunk to the client's, without an event
for each step between.

It is taken once the client has seen the answer begin, where both sides speak HTTP/1, and for pieces
that change nothing but deadlines. All others take the way through the stream's states.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mitmproxy import http
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp

from addons.failover.chunks import as_chunk
from addons.failover.http1 import QuickHttp1Server
from addons.failover.layer import http1_client_of
from addons.failover.leg import Leg

if TYPE_CHECKING:
    from addons.failover.stream import FailoverStream


@dataclass
class PieceRead(HttpEvent):
    """The receiver has read a piece of the answer, and made this of it."""

    data: bytes


def go_straight(stream: "FailoverStream", leg: Leg, head: http.Response) -> None:
    """Let the pieces that follow `head` take the short way, where that can be."""
    layer = stream.layer
    client = layer.connections.get(stream.context.client)
    if leg.server is None or type(client) is not QuickHttp1Server:
        return
    upstream = http1_client_of(layer, leg.server)
    if upstream is not None and head.headers.get("transfer-encoding") == "chunked":
        upstream.straight = StraightStream(stream, leg)


@dataclass(frozen=True, slots=True)
class StraightStream:
    """The short way of the pieces of an answer that the client sees already."""

    stream: "FailoverStream"
    leg: Leg

    @property
    def ready(self) -> bool:
        stream = self.stream
        return stream.winner is self.leg and stream._paused is None and self.leg.state == "body"

    def take(self, data: bytes) -> CommandGenerator[None]:
        """As `received` and `send_data` for a piece that changes nothing but deadlines."""
        stream, receiver = self.stream, self.leg.receiver
        out = receiver.data(data)
        deadlines, between = stream.deadlines, self.leg.attempt.timeouts.between_chunks
        beats = stream.heart.every if stream.heart else None
        if (
            not out
            or receiver.failed
            or receiver.done
            or receiver.enough
            or (between is not None and "between-chunks" not in deadlines)
            or (beats is not None and "heartbeat" not in deadlines)
        ):
            yield ReceiveHttp(PieceRead(self.leg.id, out))
            return
        if stream.stores_bodies:
            stream.response_body_buf += out
        if stream.listener is not None:
            stream.listener(out)
        # Later than they were: no timer has to be set.
        now = time.monotonic()
        if between is not None:
            deadlines["between-chunks"] = now + between
        if beats is not None:
            deadlines["heartbeat"] = now + beats
        yield SendData(stream.context.client, as_chunk(out))
