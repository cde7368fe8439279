"""An HTTP/2 client that can give up a single stream and say so, which common clients do not."""

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.support.signals import PATIENCE


class Http2Client:
    """One connection to `host` through a CONNECT tunnel of the proxy on `proxy_port`."""

    def __init__(self, proxy_port: int, host: str, port: int, ca: Path) -> None:
        self._proxy_port, self._host, self._port, self._ca = proxy_port, host, port, ca
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._bodies: dict[int, bytearray] = defaultdict(bytearray)
        self._ended: set[int] = set()
        self._statuses: dict[int, str] = {}

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._proxy_port)
        target = f"{self._host}:{self._port}"
        self._writer.write(f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head, head
        context = ssl.create_default_context(cafile=str(self._ca))
        context.set_alpn_protocols(["h2"])
        await self._writer.start_tls(context, server_hostname=self._host)
        self._h2.initiate_connection()
        self._flush()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    def post(self, path: str, body: Mapping[str, object]) -> int:
        """Sends a request; returns its stream's id."""
        stream = self._h2.get_next_available_stream_id()
        fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", f"{self._host}:{self._port}"),
            (":path", path),
            ("content-type", "application/json"),
        ]
        self._h2.send_headers(stream, fields)
        self._h2.send_data(stream, json.dumps(body).encode(), end_stream=True)
        self._flush()
        return stream

    async def ask(
        self,
        path: str,
        fields: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        ends: bool = True,
    ) -> int:
        """Sends a POST with further headers and any body, as the server takes it; returns its
        stream's id. Without `ends` the body is left unfinished."""
        stream = self._h2.get_next_available_stream_id()
        where = [(":authority", f"{self._host}:{self._port}"), (":path", path)]
        head = [(":method", "POST"), (":scheme", "https"), *where, *fields]
        self._h2.send_headers(stream, head, end_stream=ends and not body)
        self._flush()
        left = memoryview(body)
        while left and stream not in self._ended:
            room = self._h2.local_flow_control_window(stream)
            piece = left[: min(room, self._h2.max_outbound_frame_size)]
            if piece:
                left = left[len(piece) :]
                self._h2.send_data(stream, bytes(piece), end_stream=ends and not left)
                self._flush()
                await self._writer.drain()
            else:
                await self._receive()
        return stream

    async def answered(self, stream: int) -> tuple[str, bytes]:
        """Status and body of an answer."""
        body = await self.whole(stream)
        return self._statuses[stream], body

    def cancel(self, stream: int) -> None:
        """Tells the server that nobody waits for this answer any more."""
        self._h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    async def first_bytes(self, stream: int) -> bytes:
        """The body as far as it came, once some came."""
        while not self._bodies[stream]:
            await self._receive()
        return bytes(self._bodies[stream])

    async def more(self, stream: int) -> bytes:
        """The body as far as it came, once more came."""
        before = len(self._bodies[stream])
        while len(self._bodies[stream]) == before:
            await self._receive()
        return bytes(self._bodies[stream])

    async def whole(self, stream: int) -> bytes:
        """The complete body."""
        while stream not in self._ended:
            await self._receive()
        return bytes(self._bodies[stream])

    async def _receive(self) -> None:
        data = await asyncio.wait_for(self._reader.read(65536), PATIENCE)
        assert data, "the connection ended"
        for event in self._h2.receive_data(data):
            match event:
                case h2.events.DataReceived(stream_id=stream, data=piece):
                    self._bodies[stream] += piece
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                case h2.events.StreamEnded(stream_id=stream):
                    self._ended.add(stream)
                case h2.events.ResponseReceived(stream_id=stream, headers=headers):
                    self._statuses[stream] = str(headers[0][1])
                case h2.events.StreamReset(error_code=h2.errors.ErrorCodes.NO_ERROR):
                    pass  # it was answered before it was read to its end
                case h2.events.StreamReset(stream_id=stream):
                    raise AssertionError(f"stream {stream} was reset")
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())
