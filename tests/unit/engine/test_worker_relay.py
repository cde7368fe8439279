"""Workers hear of each other through the process that supervises them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from switchyard.engine.worker_relay import NAME
from switchyard.engine.worker_relay import WorkerRelay
from switchyard.state.shared import frames


class Peer:
    """One worker's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    def send(self, *message: object) -> None:
        self.writer.write(frames.pack(list(message)))

    async def get(self, kind: str) -> list:
        """The next message of a kind."""
        while (message := await asyncio.wait_for(frames.read(self._reader), 60))[0] != kind:
            pass
        return message


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[Path]:
    server = WorkerRelay(tmp_path / NAME)
    await server.start()
    yield tmp_path / NAME
    await server.close()


async def connected(path: Path) -> Peer:
    peer = Peer(*await asyncio.open_unix_connection(path))
    await peer.get("watch")
    return peer


async def test_events_go_to_those_who_are_watched(relay: Path) -> None:
    assert relay.stat().st_mode & 0o077 == 0
    sending, watched, other = [await connected(relay) for _ in range(3)]
    watched.send("watch", True)
    while not (await sending.get("watch"))[1]:
        pass
    sending.send("event", "begun", {"id": 1})
    assert await watched.get("event") == ["event", "begun", {"id": 1}]
    other.send("ask", 1, "running", None)
    assert await other.get("asked") == ["asked", 1, 2]
    watched.writer.close()
    while (await sending.get("watch"))[1]:
        pass


async def test_a_question_goes_to_all_others(relay: Path) -> None:
    asking, *others = [await connected(relay) for _ in range(3)]
    asking.send("ask", 7, "log", 12.5)
    assert await asking.get("asked") == ["asked", 7, 2]
    for number, other in enumerate(others):
        _, asker, question, what, argument = await other.get("ask")
        assert (question, what, argument) == (7, "log", 12.5)
        other.send("answer", asker, question, [number])
    answers = [await asking.get("answer") for _ in others]
    assert sorted(answers) == [["answer", 7, [0]], ["answer", 7, [1]]]


async def test_who_sends_nonsense_is_let_go(relay: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong, right = await connected(relay), await connected(relay)
    wrong.send("nonsense")
    with pytest.raises(asyncio.IncompleteReadError):
        await wrong.get("never")
    right.send("ask", 1, "running", None)
    assert await right.get("asked") == ["asked", 1, 0]
    assert "malformed" in caplog.text
