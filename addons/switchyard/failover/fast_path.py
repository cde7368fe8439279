"""Fast path for streamed chunks: copies them to the client without layer events.

A response takes it once the client has seen its beginning, if both sides use HTTP/1, for chunks
that change nothing but deadlines. All others go through the states of the stream. If the handler of
the connections has TCP connections of its own (see `switchyard.engine`) and the client's is not
encrypted, chunks that need no reading do not even enter the layers: see `WireFastPath`.
docs/hot-path.md describes the whole path.
"""

import time

from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy.commands import SendData
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import ReceiveHttp

from switchyard.egress.egress import outer_of
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import DeadlineKey
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.response_stream import ResponseStream
from switchyard.failover.tls_fast_path import TlsFastPath
from switchyard.failover.upstream_request import PieceRead
from switchyard.failover.upstream_request import UpstreamRequest
from switchyard.protocols.chunked import as_chunk
from switchyard.protocols.chunked import begun_chunk
from switchyard.protocols.chunked import whole_chunks
from switchyard.protocols.driver import DrivenConnection
from switchyard.protocols.driver import LayerDriver
from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1_client import PatientHttp1Client
from switchyard.protocols.http1_client import http1_client_of
from switchyard.protocols.tls import ReadAheadTls

HELD_AT_MOST = 16384
"""Bytes of an incomplete chunk that are held back at most."""

_HEARTBEAT = Deadline.HEARTBEAT, None


def enable_fast_path(
    stream: ResponseStream,
    layer: FailoverLayer,
    upstream: UpstreamRequest,
    head: http.Response,
) -> None:
    """Lets the chunks that follow `head` take the fast path, if they can."""
    server = upstream.server
    client = layer.connections.get(stream.context.client)
    if not isinstance(server, Server) or type(client) is not QuickHttp1Server:
        return
    http1 = http1_client_of(layer, server)
    if http1 is None or not http1.reads_chunks:
        return
    if head.headers.get("transfer-encoding") != "chunked":
        return
    fast_path = http1.fast_path = FastPath(stream, upstream)
    # Tunnelled connections, and clients that encrypt, need their layers.
    driver = layer.handler
    if driver is None or stream.context.client.tls or outer_of(server) is not server:
        return
    there, here = map(driver.connection_of, (server, stream.context.client))
    if there is None or here is None:
        return
    path = WireFastPath(fast_path, http1, there, here, driver)
    if not server.tls:
        there.wire_fast_path = path
    elif (tls := ReadAheadTls.adopt(layer.connections[server])) is not None:
        there.wire_fast_path = TlsFastPath(path, tls, driver)
    fast_path.wire_fast_path = path


class FastPath:
    """Passes the chunks of a response whose beginning the client has seen."""

    __slots__ = ("_between", "_between_chunks", "stream", "upstream", "wire_fast_path")

    def __init__(self, stream: ResponseStream, upstream: UpstreamRequest) -> None:
        self.stream = stream
        self.upstream = upstream
        self.wire_fast_path: WireFastPath | None = None
        self._between_chunks: DeadlineKey = Deadline.BETWEEN_CHUNKS, upstream
        self._between = upstream.attempt.timeouts.between_chunks

    @property
    def ready(self) -> bool:
        upstream = self.upstream
        return upstream.wins and self.stream._paused is None and upstream.state == "body"

    def take(self, data: bytes) -> CommandGenerator[None]:
        """Does the work of `UpstreamRequest.received` and `ResponseStream.send_data`.

        It takes only chunks that change nothing but deadlines.
        """
        out = self.skim(data)
        if out is None:
            receiver = self.upstream.receiver
            out = self.upstream.read(data)
            if (
                not out
                or receiver.failed
                or receiver.done
                or receiver.enough
                or not self._is_armed()
            ):
                yield ReceiveHttp(PieceRead(self.upstream.id, out))
                return
            self._note(out)
        yield SendData(self.stream.context.client, as_chunk(out))

    def skim(self, data: bytes) -> bytes | None:
        """Returns the client's bytes for a chunk that needs no reading, else None."""
        return self.skim_on(data) if self._is_armed() else None

    def skim_on(self, data: bytes) -> bytes | None:
        """Does the work of `skim` for a chunk right behind one that was skimmed."""
        out = self.upstream.skim(data)
        if out is not None:
            self._note(out)
        return out

    def close(self) -> None:
        """Ends the path: the response is complete, or the connection closed."""
        if self.wire_fast_path is not None:
            self.wire_fast_path.close()
            self.wire_fast_path = None  # which has this one, and all of the stream by it

    def note_life(self) -> None:
        """Notes that the upstream sent half a chunk, which is held back."""
        if self._between is not None and self._between_chunks in self.stream.deadlines:
            self.stream.deadlines[self._between_chunks] = time.monotonic() + self._between

    def _is_armed(self) -> bool:
        """Whether the deadlines are set, so that later ones need no timer."""
        stream, deadlines = self.stream, self.stream.deadlines
        if self._between is not None and self._between_chunks not in deadlines:
            return False
        return stream.heart is None or _HEARTBEAT in deadlines

    def _note(self, out: bytes) -> None:
        """Accounts for a chunk that is sent to the client."""
        stream = self.stream
        if stream.stores_bodies:
            stream.response_body_buf += out
        if stream.listener is not None:
            stream.listener(out)
        now = time.monotonic()
        if self._between is not None:
            stream.deadlines[self._between_chunks] = now + self._between
        if stream.heart is not None:
            stream.deadlines[_HEARTBEAT] = now + stream.heart.every


class WireFastPath:
    """Copies skimmable chunks between two TCP connections, before they become events.

    It reads from the upstream's connection and writes to the client's.
    """

    __slots__ = ("_driver", "_fast_path", "_held", "_here", "_skimmed_at", "_there", "_upstream")

    def __init__(
        self,
        fast_path: FastPath,
        upstream: PatientHttp1Client,
        there: DrivenConnection,
        here: DrivenConnection,
        driver: LayerDriver,
    ) -> None:
        self._fast_path = fast_path
        self._upstream = upstream
        self._there = there
        self._here = here
        self._driver = driver
        self._held = b""
        self._skimmed_at = -1
        """How many events the layers had been given when a chunk was skimmed last. As long as they
        are given no other, nothing about the stream changes, and only the next chunk is looked
        at."""

    def take(self, data: bytes) -> bytes:
        """Returns the bytes that are left for the layers."""
        if self._skimmed_at == self._driver.handled and not self._held:
            body, rest = whole_chunks(data)
            if body and not rest and (out := self._fast_path.skim_on(body)) is not None:
                self._here.write_now(data if out is body else as_chunk(out))
                return b""
        if self._held:
            data, self._held = self._held + data, b""
        if not self._fast_path.ready or not self._upstream.begins_a_chunk:
            return data
        body, rest = whole_chunks(data)
        if body:
            out = self._fast_path.skim(body)
            if out is None:
                return data
            self._skimmed_at = self._driver.handled
            if out is not body:
                self._here.write_now(as_chunk(out))
            else:
                self._here.write_now(data[: len(data) - len(rest)])  # the chunks pass unchanged
        if rest and len(rest) <= HELD_AT_MOST and begun_chunk(rest):
            self._held, rest = rest, b""
            self._fast_path.note_life()
        return rest

    def let_go(self) -> bytes:
        """Returns the bytes held back, since no more will come."""
        held, self._held = self._held, b""
        return held

    def close(self) -> None:
        self._there.wire_fast_path = None
