"""Things that happen once, across threads: what tests wait for instead of waiting for time."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

PATIENCE = 45.0
"""Seconds until a test gives up on something that should have happened long ago, however busy the
machine is. Fewer than the router's own timeouts have: tests do not wait for what those end."""


class Signal:
    """Happens once. Set from any thread; waited for by threads and by coroutines."""

    def __init__(self) -> None:
        self._future: Future[None] = Future()
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return self._future.done()

    def set(self) -> None:
        with self._lock:
            if not self._future.done():
                self._future.set_result(None)

    def wait(self, within: float = PATIENCE) -> None:
        """Blocks until it happened. Raises TimeoutError."""
        self._future.result(within)

    async def seen(self, within: float | None = PATIENCE) -> None:
        """Returns once it happened. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        here = loop.create_future()

        def tell(_: "Future[None]") -> None:
            # The loop may be gone by the time it happens.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(lambda: here.done() or here.set_result(None))

        self._future.add_done_callback(tell)
        async with asyncio.timeout(within):
            await here


def wait_until(holds: Callable[[], object], within: float = PATIENCE) -> None:
    """Returns once something holds that another process brings about, of which no event tells
    here. Raises AssertionError."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
