"""Commands over one connection, to a server that plays a script."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.redis_pipe import RedisPipe
from switchyard.state.shared.resp import RespError


class Server:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard.put_nowait(data)
        writer.close()

    def say(self, data: bytes) -> None:
        assert self.writer
        self.writer.write(data)


@pytest_asyncio.fixture
async def both() -> AsyncIterator[tuple[Server, RedisPipe]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, "127.0.0.1", port
    )
    pipe = RedisPipe(transport)
    yield server, pipe
    await pipe.close()
    listening.close()


async def test_commands_of_one_turn_are_sent_together_and_answered_in_order(
    both: tuple[Server, RedisPipe],
) -> None:
    server, pipe = both
    answers = [pipe.command(b"%d" % number, 30) for number in range(3)]
    assert await server.heard.get() == b"012"
    server.say(b":0\r\n-ERR no\r\n:2\r\n")
    assert await answers[0] == 0
    with pytest.raises(RespError):
        await answers[1]
    assert await answers[2] == 2


async def test_a_late_answer_is_nobody_elses(both: tuple[Server, RedisPipe]) -> None:
    server, pipe = both
    with pytest.raises(LinkDown, match="no answer within 10 ms"):
        await pipe.command(b"a", 0.01)
    answer = pipe.command(b"b", 30)
    server.say(b":1\r\n:2\r\n")
    assert await answer == 2 and pipe.is_open


async def test_each_waits_for_its_own_time(both: tuple[Server, RedisPipe]) -> None:
    server, pipe = both
    patient = pipe.command(b"a", 30)
    with pytest.raises(LinkDown):
        await pipe.command(b"b", 0.01)
    server.say(b":1\r\n")
    assert await patient == 1


async def test_a_connection_that_stays_silent_is_given_up(
    both: tuple[Server, RedisPipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pipe = both
    monkeypatch.setattr("switchyard.state.shared.redis_pipe._SILENCE", 0.0)
    with pytest.raises(LinkDown):
        await pipe.command(b"a", 0.01)
    assert not pipe.is_open


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n"])
async def test_all_learn_of_the_end(said: bytes, both: tuple[Server, RedisPipe]) -> None:
    server, pipe = both
    answers = [pipe.command(b"a", 30) for _ in range(2)]
    await server.heard.get()
    assert server.writer
    server.say(said)
    if not said:
        server.writer.transport.abort()
    for answer in answers:
        with pytest.raises(LinkDown):
            await answer
    assert not pipe.is_open


async def test_who_gives_up_does_not_take_anothers_answer(
    both: tuple[Server, RedisPipe],
) -> None:
    server, pipe = both
    first, second = pipe.command(b"a", 30), pipe.command(b"b", 30)
    first.cancel()
    server.say(b":1\r\n:2\r\n")
    assert await second == 2
