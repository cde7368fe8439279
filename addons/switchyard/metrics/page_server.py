"""Serves `/metrics` at an address of its own, beside the router's."""

import asyncio
import contextlib
import importlib
import ipaddress
import re
import socket
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence
from http import HTTPStatus

from switchyard.metrics.book import MetricRow
from switchyard.metrics.derived import cache_shares

type Page = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Takes an `Accept` header; returns a page and its content type."""

_WITHIN = 10.0
_LARGEST = 16 * 1024
_AGAIN = 1.0
"""Seconds until the next try at an address that another process has."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s,]+)(?::\d{0,5})?")
_PRIVATE = (".localhost", ".internal", ".local", ".svc")
"""Endings of names that the public DNS never has (RFC 6761, RFC 6762, Kubernetes)."""


def page_of(rows: Sequence[MetricRow], accept: str) -> tuple[bytes, str]:
    """Return the text of metrics and its content type. Raises ImportError."""
    # Imported when a page is first asked for: prometheus-client takes 40 ms and 6 MB.
    exposition = importlib.import_module("switchyard.metrics.exposition")
    return exposition.written([*rows, *cache_shares(rows)], accept)


class MetricsServer:
    """Listens where it is asked to. Whoever reaches the address may read."""

    def __init__(self, page: Page, report: Callable[[str], None]) -> None:
        """`report` takes a line for the log."""
        self._page = page
        self._report = report
        self._address: str | None = None
        self._server: asyncio.Server | None = None
        self._trying: asyncio.Task[None] | None = None

    async def listen(self, address: str | None) -> None:
        """Listen at `HOST:PORT` and nowhere else; an address in use is tried until it is free."""
        if address == self._address:
            return
        self._address = address
        if self._trying is not None:
            self._trying.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        if address is not None:
            self._trying = asyncio.get_running_loop().create_task(self._listen(address))

    async def _listen(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        reported = False
        while True:
            try:
                self._server = await asyncio.start_server(self._serve, host.strip("[]"), int(port))
                break
            except OSError as e:
                if not reported:
                    why = e.strerror or e
                    self._report(f"metrics: cannot listen on {address}: {why}; trying again")
                reported = True
            await asyncio.sleep(_AGAIN)
        port = self._server.sockets[0].getsockname()[1]
        self._report(f"metrics at http://{host}:{port}/metrics")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head.decode("latin-1")))
                await writer.drain()
        writer.close()

    async def _answer(self, head: str) -> bytes:
        line, *fields = head.split("\r\n")
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        headers = {name.strip().lower(): value.strip() for name, _, value in map(_split, fields)}
        if not _is_private(headers.get("host", "localhost")):
            return _response(403, b"Call the router by its address.\n")
        if path != "/metrics":
            return _response(404, b"The metrics are at /metrics.\n")
        if method not in ("GET", "HEAD"):
            return _response(405, b"Ask by GET.\n")
        body, content_type = await self._page(headers.get("accept", ""))
        return _response(200, body, content_type, method == "HEAD")


def _split(field: str) -> tuple[str, str, str]:
    return field.partition(":")


def _is_private(host: str) -> bool:
    """Whether no web site can have a `Host`: else its pages could read through a browser here."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]").lower().removesuffix(".")
    if "." not in name or name.endswith(_PRIVATE) or name == socket.gethostname().lower():
        return True
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(name))
    return False


def _response(
    status: int, body: bytes, content_type: str = "text/plain", only_head: bool = False
) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if only_head else body)
