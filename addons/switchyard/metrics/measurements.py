"""The metrics of this process, and with workers of all of them."""

import asyncio
import logging
from collections.abc import Awaitable
from collections.abc import Sequence
from typing import Protocol

from switchyard.metrics.book import MetricBook
from switchyard.metrics.book import MetricRow
from switchyard.metrics.counting import RecordCounter
from switchyard.metrics.page_server import MetricsServer
from switchyard.metrics.page_server import page_of
from switchyard.metrics.parent_link import ParentLink

logger = logging.getLogger(__name__)


class Gauges(Protocol):
    """What is shown of the router besides its counts."""

    def note(self, book: MetricBook) -> None:
        """Count what the router itself counts elsewhere."""
        ...

    def rows(self) -> Awaitable[Sequence[MetricRow]]:
        """Return the gauges as they are now."""
        ...


class Measurements:
    """Counts, and shows what was counted. For the event loop, except for `counter`."""

    def __init__(self, gauges: Gauges, parent: str) -> None:
        """`parent` is the socket of the process that adds workers up; empty without workers."""
        self.book = MetricBook()
        self.counter = RecordCounter(self.book)
        self._gauges = gauges
        self._parent = ParentLink(parent, self.changes, self.shown) if parent else None
        self._server = MetricsServer(self.page, logger.info)

    async def start(self) -> None:
        """Connect to the parent, if there is one."""
        if self._parent is not None:
            await self._parent.start()

    async def listen(self, address: str | None) -> None:
        """Serve the page at an address from now on; None: nowhere. The parent does with workers."""
        if self._parent is not None:
            self._parent.listen(address)
        else:
            await self._server.listen(address)

    async def close(self) -> None:
        """Hand the last counts to the parent, and end."""
        if self._parent is not None:
            await self._parent.close()
        await self._server.listen(None)

    def changes(self) -> list[MetricRow]:
        """Return what was counted since the last call."""
        self._gauges.note(self.book)
        return self.book.changes()

    async def shown(self) -> Sequence[MetricRow]:
        """Return this process' gauges."""
        return await self._gauges.rows()

    async def rows(self) -> list[MetricRow]:
        """Return all metrics, of all workers."""
        if self._parent is not None and (rows := await self._parent.rows()) is not None:
            return rows
        self._gauges.note(self.book)
        return [*self.book.rows(), *await self.shown()]

    async def page(self, accept: str) -> tuple[bytes, str]:
        """Return the text of all metrics and its content type. Raises ImportError."""
        rows = await self.rows()
        return await asyncio.to_thread(page_of, rows, accept)
