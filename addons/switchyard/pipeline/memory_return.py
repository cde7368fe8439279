"""Gives back the memory that large bodies leave free, once they are gone."""

import asyncio

from mitmproxy.utils import asyncio_utils

from switchyard.engine.memory import FreedMemory
from switchyard.engine.memory import glibc_heap
from switchyard.values.lasting import forever

EVERY = 10.0
"""Seconds between two looks."""


class MemoryReturn:
    """Looks from time to time at how much the process has, beside the requests."""

    def __init__(self) -> None:
        self._task: asyncio.Task | None = None

    def running(self) -> None:
        if (heap := glibc_heap()) is None:
            return
        memory = FreedMemory(heap)

        async def look() -> None:
            await asyncio.sleep(EVERY)
            await asyncio.to_thread(memory.give_back)

        self._task = asyncio_utils.create_task(
            forever("the return of memory", look), name="switchyard memory", keep_ref=True
        )

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()
