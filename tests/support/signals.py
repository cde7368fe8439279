"""Things that happen once, across threads: what tests wait for instead of waiting for time."""

import asyncio
import contextlib
import threading
from concurrent.futures import Future

PATIENCE = 60.0
"""Seconds until a test gives up on something that should have happened long ago, on a slow and busy
machine too. Only a test that fails waits for so long."""


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
