"""The connection to Redis where none is there; tests/integration/state has it with one."""

import socket

import pytest

pytest.importorskip("redis")

from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.redis_link import RedisLink


async def test_a_server_that_does_not_listen_is_told_without_its_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        link = RedisLink(f"redis://me:secret@127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(LinkDown) as caught:
            await link.call("turn", ["p"], 5.0)
        with pytest.raises(LinkDown):
            await link.listen(lambda: None, lambda notice: None)
    assert "secret" not in str(caught.value) and "127.0.0.1" not in str(caught.value)
    await link.close()


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = RedisLink(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(LinkDown, match=r"^no (connection|answer) within 50 ms$"):
            await link.call("turn", ["p"], 0.05)
        await link.close()
