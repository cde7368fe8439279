"""The parent's socket: only this user may open it, and a strange message ends one connection."""

import asyncio
import stat
from pathlib import Path

import pytest

from switchyard.state.shared import frames
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_link import SocketLink


async def test_only_this_user_may_open_the_socket(tmp_path: Path) -> None:
    (path := tmp_path / "s").write_text("left by an earlier server")
    server = StateServer(path)
    await server.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await server.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "message",
    [
        frames.pack([1, "fly", []]),
        frames.pack({"verb": "admit"}),
        frames.pack([1, "admit", {"lines": 3}]),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_who_speaks_something_else_is_hung_up_on_alone(
    tmp_path: Path, message: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server, link = StateServer(tmp_path / "s"), SocketLink(tmp_path / "s")
    await server.start()
    assert await link.call("turn", ["p"], 20.0) == 1
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(message)
    assert await reader.read() == b""
    writer.close()
    assert "malformed message" in caplog.text
    assert await link.call("turn", ["p"], 20.0) == 2
    await link.close()
    await server.close()
