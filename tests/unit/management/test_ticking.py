"""What changes without an event of its own is reported once, while there are readers."""

import asyncio
import re

from switchyard.management.desk import Desk
from switchyard.management.ticking import Ticker
from switchyard.runtime.event_hub import EventReader
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime


async def told(reader: EventReader) -> list[bytes]:
    piece = await asyncio.wait_for(reader.waiting.get(), 60)
    return re.findall(rb"event: (\w+)", piece)


async def test_running_requests_are_reported() -> None:
    runtime = make_runtime()
    pipeline, flow = Pipeline(runtime), call_flow(runtime)
    desk = Desk(runtime)
    ticker = Ticker(desk)
    reader = desk.events.subscribe()
    assert reader is not None
    ticker.look()
    assert desk.events.due is None, "the passing of time is no news"
    pipeline.begin(flow)
    ticker.look()
    assert await told(reader) == [b"begun", b"health"]
    ticker.look()
    assert desk.events.due is None, "nothing has moved"
    pipeline.fail(pipeline.attempt(flow))
    ticker.look()
    assert b"progress" in await told(reader)
    ticker.stop()


async def test_it_stops_with_the_last_reader() -> None:
    desk = Desk(make_runtime())
    ticker = Ticker(desk)
    reader = desk.events.subscribe()
    assert reader is not None
    assert ticker.is_looking
    desk.events.leave(reader)
    ticker.look()
    assert not ticker.is_looking
