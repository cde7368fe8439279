"""Work in the background outlives what it meets, and tells of it once."""

import asyncio
import logging

import pytest

from switchyard.values.lasting import forever


async def test_it_goes_on_and_tells_each_kind_once(caplog: pytest.LogCaptureFixture) -> None:
    script = [OSError("a"), OSError("b"), ValueError("c"), None, OSError("d"), OSError("e")]
    over = asyncio.Event()

    async def turn() -> None:
        if not script:
            over.set()
            await asyncio.Event().wait()
        if (error := script.pop(0)) is not None:
            raise error

    task = asyncio.ensure_future(forever("the work", turn, 0))
    async with asyncio.timeout(60):
        await over.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = [(r.levelno, r.getMessage().split(". ")[0]) for r in caplog.records]
    met = ["OSError", "ValueError", "OSError"]
    assert told == [(logging.ERROR, f"switchyard: the work failed: {name}") for name in met]
    assert all(record.exc_info for record in caplog.records)


async def test_what_ends_the_process_ends_it() -> None:
    async def turn() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await forever("the work", turn, 0)
