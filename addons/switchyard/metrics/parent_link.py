"""The worker's side: hands what it counts to the parent, and asks it for the sums of all."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Sequence

from switchyard.metrics.book import MetricRow
from switchyard.metrics.joined import row_of
from switchyard.state.shared import frames

logger = logging.getLogger(__name__)

PUSH_EVERY = 0.25
"""Seconds between two messages: what is lost of a killed worker's counts at most."""

_WITHIN = 5.0


class ParentLink:
    """Sends what changed, four times a second; answers what the parent asks."""

    def __init__(
        self,
        path: str,
        changes: Callable[[], list[MetricRow]],
        shown: Callable[[], Awaitable[Sequence[MetricRow]]],
    ) -> None:
        """`path` is the parent's socket."""
        self._path = path
        self._changes = changes
        self._shown = shown
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pages: dict[int, asyncio.Future[list[MetricRow]]] = {}
        self._number = 0
        self._address: str | None = None

    async def start(self) -> None:
        """Connect. A parent that cannot be reached leaves each worker its own metrics."""
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
        except OSError as e:
            logger.error("metrics: the workers cannot be added up: %s", e.strerror)
            return
        self._writer.write(frames.pack([0, "listen", self._address]))
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._read(reader)), loop.create_task(self._push())]

    def listen(self, address: str | None) -> None:
        """Have the parent serve the page at an address."""
        self._address = address
        self._send([0, "listen", address])

    async def rows(self) -> list[MetricRow] | None:
        """Return the metrics of all workers; None if the parent does not answer."""
        if self._writer is None:
            return None
        self._number += 1
        number = self._number
        answer = asyncio.get_running_loop().create_future()
        self._pages[number] = answer
        self._send([number, "page", None])
        try:
            return await asyncio.wait_for(answer, _WITHIN)
        except TimeoutError:
            return None
        finally:
            self._pages.pop(number, None)

    async def close(self) -> None:
        """Send the last counts, and disconnect."""
        for task in self._tasks:
            task.cancel()
        if self._writer is None:
            return
        self._send_changes()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.drain(), _WITHIN)
        self._writer.close()
        self._writer = None

    async def _push(self) -> None:
        while True:
            await asyncio.sleep(PUSH_EVERY)
            self._send_changes()

    def _send_changes(self) -> None:
        if changes := self._changes():
            self._send([0, "counts", changes])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                number, verb, payload = await frames.read(reader)
                if verb == "ask":
                    await self._answer(number)
                elif (answer := self._pages.get(number)) is not None and not answer.done():
                    answer.set_result(list(map(row_of, payload)))
        self._writer = None

    async def _answer(self, number: int) -> None:
        self._send_changes()
        self._send([number, "shown", await self._shown()])

    def _send(self, message: object) -> None:
        if self._writer is not None:
            self._writer.write(frames.pack(message))
