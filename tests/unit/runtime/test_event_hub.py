"""Readers of events get each one, or know that they are behind."""

from switchyard.runtime import event_hub
from switchyard.runtime.event_hub import MOST_WAITING
from switchyard.runtime.event_hub import EventHub
from switchyard.runtime.event_hub import EventReader


def taken(reader: EventReader) -> list[str]:
    return [reader.waiting.get_nowait().kind for _ in range(reader.waiting.qsize())]


def subscribed(hub: EventHub) -> EventReader:
    reader = hub.subscribe()
    assert reader is not None
    return reader


async def test_every_reader_gets_every_event() -> None:
    hub = EventHub()
    hub.publish("lost", {})
    first, second = subscribed(hub), subscribed(hub)
    hub.publish("a", {"x": 1})
    hub.leave(first)
    hub.publish("b", {})
    assert taken(first) == ["a"]
    assert taken(second) == ["a", "b"]


async def test_a_slow_reader_knows_that_it_is_behind() -> None:
    hub = EventHub()
    slow, quick = subscribed(hub), subscribed(hub)
    for number in range(10 * MOST_WAITING):
        hub.publish(str(number), {})
        quick.waiting.get_nowait()
    assert slow.is_behind
    assert slow.waiting.qsize() <= MOST_WAITING
    assert not quick.is_behind


async def test_readers_are_bounded(monkeypatch) -> None:
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
    reader = subscribed(hub)
    subscribed(hub)
    assert begun == [1]
    hub.leave(reader)
    assert hub.has_readers
