"""The address that serves the metrics alone."""

import asyncio
import socket

import pytest

from switchyard.metrics.page_server import MetricsServer
from tests.support.ports import free_port


async def page(accept: str) -> tuple[bytes, str]:
    return f"for {accept or 'anyone'}\n".encode(), "text/plain; version=0.0.4"


async def answer(port: int, request: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace("\n", "\r\n").encode())
    got = await reader.read()
    writer.close()
    return got


async def served(reports: list[str], port: int) -> MetricsServer:
    server = MetricsServer(page, reports.append)
    await server.listen(f"127.0.0.1:{port}")
    while not reports:
        await asyncio.sleep(0.01)
    return server


@pytest.mark.parametrize(
    ("request_", "status", "end"),
    [
        ("GET /metrics HTTP/1.1\nhost: 127.0.0.1:9464\n\n", 200, b"for anyone\n"),
        ("GET /metrics?x=1 HTTP/1.1\nhost: [::1]\naccept: all\n\n", 200, b"for all\n"),
        ("GET /metrics HTTP/1.1\nhost: router:9464\n\n", 200, b"for anyone\n"),
        ("GET /metrics HTTP/1.1\nhost: a.yard.svc\n\n", 200, b"for anyone\n"),
        ("HEAD /metrics HTTP/1.0\n\n", 200, b"\r\n\r\n"),
        ("POST /metrics HTTP/1.1\nhost: localhost\n\n", 405, b"Ask by GET.\n"),
        ("GET / HTTP/1.1\nhost: localhost\n\n", 404, b"at /metrics.\n"),
        ("GET /metrics HTTP/1.1\nhost: rebound.example\n\n", 403, b"by its address.\n"),
        ("GET /metrics HTTP/1.1\nhost: 127.0.0.1@x.example\n\n", 403, b"by its address.\n"),
    ],
)
async def test_what_it_answers(request_: str, status: int, end: bytes) -> None:
    port = free_port()
    server = await served(reports := [], port)
    got = await answer(port, request_)
    assert got.startswith(f"HTTP/1.1 {status} ".encode()) and got.endswith(end)
    assert reports == [f"metrics at http://127.0.0.1:{port}/metrics"]
    await server.listen(None)


async def test_an_address_in_use_is_tried_until_it_is_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        server = await served(reports := [], port)
        assert f"cannot listen on 127.0.0.1:{port}" in reports[0]
    while len(reports) < 2:
        await asyncio.sleep(0.01)
    assert await answer(port, "GET /metrics HTTP/1.1\n\n")
    await server.listen(None)


async def test_nothing_listens_after_its_end() -> None:
    port = free_port()
    server = await served(reports := [], port)
    await server.listen(None)
    assert reports
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
