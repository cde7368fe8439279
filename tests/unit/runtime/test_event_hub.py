"""Readers of events get each one in pieces that they share, or know that they are behind."""

import asyncio

import pytest

from switchyard.runtime import event_hub
from switchyard.runtime.event_hub import FOLDED
from switchyard.runtime.event_hub import FOLDED_BUSY
from switchyard.runtime.event_hub import MOST_WAITING
from switchyard.runtime.event_hub import READ_A_SECOND
from switchyard.runtime.event_hub import EventHub
from switchyard.runtime.event_hub import EventReader
from switchyard.runtime.event_hub import RouterEvent


async def taken(reader: EventReader) -> bytes:
    return await asyncio.wait_for(reader.waiting.get(), 60)


def subscribed(hub: EventHub) -> EventReader:
    reader = hub.subscribe()
    assert reader is not None
    return reader


async def test_every_reader_gets_the_same_bytes() -> None:
    hub = EventHub()
    hub.publish("lost", {})
    first, second = subscribed(hub), subscribed(hub)
    hub.publish("a", {"x": 1})
    hub.publish("b", {})
    hub.fold()
    piece = await taken(first)
    assert piece == b'id: 1\nevent: a\ndata: {"x":1}\n\nid: 2\nevent: b\ndata: {}\n\n'
    assert await taken(second) is piece
    hub.leave(first)
    hub.publish("c", {})
    hub.fold()
    assert await taken(second) == b"id: 3\nevent: c\ndata: {}\n\n"
    assert first.waiting.empty()


async def test_a_piece_is_written_by_itself() -> None:
    hub = EventHub()
    reader = subscribed(hub)
    for _ in range(2):
        hub.publish("a", {})
    assert (await taken(reader)).count(b"event: a") == 2
    assert hub.due is None


async def test_pieces_come_less_often_the_more_is_in_them() -> None:
    hub = EventHub()
    subscribed(hub)
    loop = asyncio.get_running_loop()
    pauses = []
    for events in (1, READ_A_SECOND // 2, 100 * READ_A_SECOND, 1):
        for number in range(events):
            hub.publish("a", {"number": number})
        hub.fold()
        before = loop.time()
        hub.awake()
        assert hub.due is not None
        pauses.append((hub.due - loop.time(), hub.due - before))
    for (least, most), pause in zip(pauses, (FOLDED, 0.48, FOLDED_BUSY, FOLDED), strict=True):
        assert least <= pause <= most


async def test_what_was_noted_is_made_into_events_only_when_a_piece_is_written() -> None:
    hub, asked = EventHub(), []

    def collect() -> list[RouterEvent]:
        asked.append(1)
        return [RouterEvent("noted", {})]

    hub.collect = collect
    reader = subscribed(hub)
    hub.awake()
    hub.awake()
    assert asked == []
    assert await taken(reader) == b"id: 1\nevent: noted\ndata: {}\n\n"
    assert asked == [1]


async def test_a_long_silence_is_broken_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = EventHub()
    first, second = subscribed(hub), subscribed(hub)
    hub.break_silence()
    hub.publish("a", {})
    hub.fold()
    assert [await taken(first), await taken(second)] == [b"id: 1\nevent: a\ndata: {}\n\n"] * 2
    monkeypatch.setattr(event_hub, "SILENCE", 0.0)
    hub.break_silence()
    assert [await taken(first), await taken(second)] == [b": quiet\n\n"] * 2


async def test_a_slow_reader_knows_that_it_is_behind() -> None:
    hub = EventHub()
    slow, quick = subscribed(hub), subscribed(hub)
    for number in range(4 * MOST_WAITING):
        hub.publish(str(number), {})
        hub.fold()
        await taken(quick)
    assert slow.is_behind
    assert slow.waiting.qsize() <= MOST_WAITING
    assert not quick.is_behind


async def test_a_slow_reader_hears_of_the_end() -> None:
    hub = EventHub()
    reader = subscribed(hub)
    for _ in range(MOST_WAITING):
        reader.take(b"piece")
    hub.end()
    await taken(reader)
    assert reader.is_over


async def test_readers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_hub, "MOST_READERS", 2)
    hub = EventHub()
    first = subscribed(hub)
    subscribed(hub)
    assert hub.subscribe() is None
    hub.leave(first)
    assert hub.subscribe() is not None


async def test_the_first_reader_starts_the_work() -> None:
    hub, begun = EventHub(), []
    hub.on_first = lambda: begun.append(1)
    assert not hub.has_readers
    hub.watch_elsewhere(True)
    readers = [subscribed(hub), subscribed(hub)]
    assert begun == [1]
    for reader in readers:
        hub.leave(reader)
    assert hub.has_readers
    hub.watch_elsewhere(False)
    assert not hub.has_readers
    hub.watch_elsewhere(True)
    assert begun == [1, 1]


async def test_other_workers_get_what_happened_here_alone() -> None:
    hub, sent = EventHub(), []
    hub.forward = lambda kind, data: sent.append((kind, data))
    hub.watch_elsewhere(True)
    hub.publish("ended", {"id": 1})
    hub.publish("health", {})
    hub.receive("ended", {"id": 2})
    hub.fold()
    assert sent == [("ended", {"id": 1})]
