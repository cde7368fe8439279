import asyncio
import socket
import sys

import pytest

from tests.support.ports import free_port


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port cannot be held")
def test_no_other_socket_gets_a_port_that_was_given_out() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    assert len({free_port() for _ in range(100)} | {port}) == 101


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("reuse_port", [False, True])
async def test_a_server_can_listen_there_again_and_again(host: str, reuse_port: bool) -> None:
    port = free_port()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), host, port, reuse_port=reuse_port
        )
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()
