"""An HTTP/3 client that asks once."""

import asyncio
import json
import ssl
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated
from aioquic.quic.events import QuicEvent

from tests.support.signals import PATIENCE


class _Client(QuicConnectionProtocol):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.heard: Callable[[bytes], None] = lambda _: None
        self._http = H3Connection(self._quic)
        self._answer: asyncio.Future[tuple[int, bytes]] = asyncio.Future()
        self._status, self._body = 0, b""

    async def post(self, authority: str, path: str, body: Mapping[str, object]):
        stream = self._quic.get_next_available_stream_id()
        fields = {":method": "POST", ":scheme": "https", ":authority": authority, ":path": path}
        fields["content-type"] = "application/json"
        encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
        self._http.send_headers(stream, encoded)
        self._http.send_data(stream, json.dumps(body).encode(), end_stream=True)
        self.transmit()
        async with asyncio.timeout(PATIENCE):
            return await self._answer

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated) and not self._answer.done():
            self._answer.set_exception(ConnectionError(event.reason_phrase))
        for said in self._http.handle_event(event):
            match said:
                case HeadersReceived(headers=headers):
                    self._status = int(dict(headers).get(b":status", self._status))
                case DataReceived(data=data):
                    self._body += data
                    self.heard(self._body)
                case _:
                    continue
            if said.stream_ended and not self._answer.done():
                self._answer.set_result((self._status, self._body))


async def post(
    port: int,
    path: str,
    body: Mapping[str, object],
    *,
    ca: Path,
    heard: Callable[[bytes], None] = lambda _: None,
) -> tuple[int, bytes]:
    """Status and body. `heard` is told of the body as far as it came, whenever more of it did."""
    settings = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name="localhost",
        verify_mode=ssl.CERT_REQUIRED, cafile=str(ca),
    )  # fmt: skip
    at = connect("127.0.0.1", port, configuration=settings, create_protocol=_Client)
    async with at as client:
        assert isinstance(client, _Client)
        client.heard = heard
        return await client.post(f"localhost:{port}", path, body)
