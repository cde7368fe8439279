"""Workers share their events and answer each other's questions."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from switchyard.engine.state_host import StateHost
from switchyard.engine.workers import STATE
from switchyard.runtime import other_workers
from switchyard.runtime.event_hub import EventHub
from switchyard.runtime.other_workers import OtherWorkers


class Worker:
    """The parts of a worker that talk to others."""

    def __init__(self, where: str, name: str) -> None:
        self.events = EventHub()
        self.others = OtherWorkers(self.events, {STATE: where})
        self.others.on("name", lambda argument: [name, argument])

    async def until(self, watched: bool) -> None:
        while self.events.has_readers is not watched:
            await asyncio.sleep(0)


@pytest.fixture
async def workers() -> AsyncIterator[list[Worker]]:
    with StateHost(None) as host:
        found = [Worker(host.where, name) for name in "abc"]
        for one in found:
            one.others.begin()
        while not all(one.others.is_connected for one in found):
            await asyncio.sleep(0)
        yield found
        for one in found:
            await one.others.close()


async def test_a_reader_hears_of_all_workers(workers: list[Worker]) -> None:
    first, second, third = workers
    begun = []
    second.events.on_first = lambda: begun.append("second")
    reader = first.events.subscribe()
    assert reader is not None
    await second.until(watched=True)
    assert begun == ["second"]
    second.events.publish("begun", {"id": 1})
    second.events.publish("health", {"of": "the second alone"})
    second.events.publish("ended", {"id": 1, "text": "half a character: \ud83d"})
    got = await asyncio.wait_for(reader.waiting.get(), 60)
    assert [line for line in got.splitlines() if line.startswith(b"event")] == [
        b"event: begun",
        b"event: ended",
    ]
    assert b'"half a character: ?"' in got and b"the second alone" not in got
    first.events.leave(reader)
    await second.until(watched=False)
    await third.until(watched=False)


async def test_all_others_answer(workers: list[Worker]) -> None:
    answers = await workers[0].others.ask("name", 5)
    assert sorted(answers) == [["b", 5], ["c", 5]]


async def test_a_worker_that_is_busy_is_not_waited_for(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(other_workers, "ANSWERS_WITHIN", 0.0)
    assert await workers[0].others.ask("name") == []
    assert "too busy" in caplog.text


async def test_a_process_alone_asks_nobody() -> None:
    alone = OtherWorkers(EventHub(), {})
    alone.begin()
    assert await alone.ask("name") == []
    await alone.close()
