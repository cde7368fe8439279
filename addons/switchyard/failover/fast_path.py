"""The short way of a stream's pieces: from the upstream's chunk to the client's, without an event
for each step between.

It is taken once the client has seen the answer begin, where both sides speak HTTP/1, and for pieces
that change nothing but deadlines. All others take the way through the stream's states. Where the
handler of the connections has wires (see `switchyard.engine`) and neither side is encrypted, pieces
of which nothing has to be known do not even enter the layers: see `WireFastPath`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp

from switchyard.egress.egress import outer_of
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.response_stream import ResponseStream
from switchyard.failover.upstream_request import UpstreamRequest
from switchyard.protocols.chunked import as_chunk
from switchyard.protocols.chunked import begun_chunk
from switchyard.protocols.chunked import whole_chunks
from switchyard.protocols.driver import DrivenConnection
from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1_client import PatientHttp1Client
from switchyard.protocols.http1_client import http1_client_of

HELD_AT_MOST = 16384
"""Bytes of a chunk that wait for the rest of it."""


@dataclass
class PieceRead(HttpEvent):
    """The receiver has read a piece of the answer, and made this of it."""

    data: bytes


def enable_fast_path(
    stream: ResponseStream,
    layer: FailoverLayer,
    leg: UpstreamRequest,
    head: http.Response,
    wins: Callable[[], bool],
) -> None:
    """Let the pieces that follow `head` take the short way, where that can be.

    `wins` says whether the client still gets this upstream request's answer.
    """
    server = leg.server
    client = layer.connections.get(stream.context.client)
    if not isinstance(server, Server) or type(client) is not QuickHttp1Server:
        return
    upstream = http1_client_of(layer, server)
    if upstream is None or head.headers.get("transfer-encoding") != "chunked":
        return
    fast_path = upstream.fast_path = FastPath(stream, leg, wins)
    # What is encrypted, or within another connection, goes through the layers that see to that.
    if layer.handler is None or stream.context.client.tls or server.tls:
        return
    if outer_of(server) is server:
        there, here = map(layer.handler.connection_of, (server, stream.context.client))
        if there is not None and here is not None:
            there.wire_fast_path = fast_path.wire_fast_path = WireFastPath(
                fast_path, upstream, there, here
            )


@dataclass(slots=True)
class FastPath:
    """The short way of the pieces of an answer that the client sees already."""

    stream: ResponseStream
    leg: UpstreamRequest
    wins: Callable[[], bool]
    wire_fast_path: "WireFastPath | None" = None

    @property
    def ready(self) -> bool:
        return self.wins() and self.stream._paused is None and self.leg.state == "body"

    def take(self, data: bytes) -> CommandGenerator[None]:
        """As `received` and `send_data` for a piece that changes nothing but deadlines."""
        out = self.skim(data)
        if out is None:
            receiver = self.leg.receiver
            out = receiver.data(data)
            if (
                not out
                or receiver.failed
                or receiver.done
                or receiver.enough
                or not self._is_armed()
            ):
                yield ReceiveHttp(PieceRead(self.leg.id, out))
                return
            self._note(out)
        yield SendData(self.stream.context.client, as_chunk(out))

    def skim(self, data: bytes) -> bytes | None:
        """What the client gets for a piece that need not be read; None for any other."""
        if not self._is_armed():
            return None
        out = self.leg.receiver.skim(data)
        if out is not None:
            self._note(out)
        return out

    def close(self) -> None:
        """The answer is complete, or the connection gone."""
        if self.wire_fast_path is not None:
            self.wire_fast_path.close()

    def note_life(self) -> None:
        """The upstream said something, of which the client hears later."""
        between = self.leg.attempt.timeouts.between_chunks
        if between is not None and "between-chunks" in self.stream.deadlines:
            self.stream.deadlines["between-chunks"] = time.monotonic() + between

    def _is_armed(self) -> bool:
        """Whether the deadlines are set: then later ones need no timer."""
        stream = self.stream
        deadlines, between = stream.deadlines, self.leg.attempt.timeouts.between_chunks
        if between is not None and "between-chunks" not in deadlines:
            return False
        return stream.heart is None or "heartbeat" in deadlines

    def _note(self, out: bytes) -> None:
        """The client is sent a piece."""
        stream, between = self.stream, self.leg.attempt.timeouts.between_chunks
        if stream.stores_bodies:
            stream.response_body_buf += out
        if stream.listener is not None:
            stream.listener(out)
        now = time.monotonic()
        if between is not None:
            stream.deadlines["between-chunks"] = now + between
        if stream.heart is not None:
            stream.deadlines["heartbeat"] = now + stream.heart.every


class WireFastPath:
    """Takes what the upstream's wire brings, before it becomes an event, for as long as that is
    chunks that can be skimmed, and writes them to the client's wire."""

    __slots__ = ("_fast_path", "_held", "_here", "_there", "_upstream")

    def __init__(
        self,
        fast_path: FastPath,
        upstream: PatientHttp1Client,
        there: DrivenConnection,
        here: DrivenConnection,
    ) -> None:
        self._fast_path = fast_path
        self._upstream = upstream
        self._there = there
        self._here = here
        self._held = b""

    def take(self, data: bytes) -> bytes:
        """What is left for the layers, which have to be given it."""
        if self._held:
            data, self._held = self._held + data, b""
        if not self._fast_path.ready or not self._upstream.begins_a_chunk:
            return data
        body, rest = whole_chunks(data)
        if body:
            out = self._fast_path.skim(body)
            if out is None:
                return data
            if out is not body:
                self._here.write_now(as_chunk(out))
            else:
                self._here.write_now(data[: len(data) - len(rest)])  # the same chunks will do
        if rest and len(rest) <= HELD_AT_MOST and begun_chunk(rest):
            self._held, rest = rest, b""
            self._fast_path.note_life()
        return rest

    def let_go(self) -> bytes:
        """What was held, since no more will come."""
        held, self._held = self._held, b""
        return held

    def close(self) -> None:
        self._there.wire_fast_path = None
