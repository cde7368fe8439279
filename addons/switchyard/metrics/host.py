"""The parent's side: adds the workers' metrics up, from a thread of the supervising process."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from switchyard.metrics.book import MetricRow
from switchyard.metrics.joined import JoinedBooks
from switchyard.metrics.joined import row_of
from switchyard.metrics.page_server import MetricsServer
from switchyard.metrics.page_server import page_of
from switchyard.state.shared import frames
from switchyard.state.shared.socket_host import SocketHost
from switchyard.state.shared.socket_host import serve_privately

METRICS = "SWITCHYARD_METRICS"
"""Environment variable of workers: the socket at which their counts are added up."""

_ANSWERS_WITHIN = 2.0
"""Seconds that a page waits for the gauges of a worker, which may stand still."""


class _Connection:
    """One worker."""

    def __init__(self, name: str, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self.writer = writer
        self.asked: dict[int, asyncio.Future[list[MetricRow]]] = {}

    def send(self, message: object) -> None:
        if not self.writer.is_closing():
            self.writer.write(frames.pack(message))


class MetricsHost(SocketHost):
    """Without it, where it could not be started, each worker has metrics of its own."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """`report` takes a line for the log."""
        super().__init__("metrics")
        self._report = report
        self._books = JoinedBooks()
        self._connections: set[_Connection] = set()
        self._names = map(str, itertools.count(1))
        self._numbers = itertools.count(1)
        self._server = MetricsServer(self._page, report)

    async def _serve_in(self, folder: Path) -> None:
        path = folder / "metrics.sock"
        try:
            server = await serve_privately(self._serve, path)
        except OSError as e:
            self._report(f"metrics: the workers cannot be added up: {e.strerror}")
            return
        self._begin(str(path))
        await self._stop.wait()
        await self._server.listen(None)
        server.close()
        for connection in list(self._connections):
            connection.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker = _Connection(next(self._names), writer)
        self._connections.add(worker)
        try:
            while True:
                number, verb, payload = await frames.read(reader)
                await self._take(worker, number, verb, payload)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except (ValueError, TypeError, LookupError) as e:
            self._report(f"metrics: a worker sent a malformed message: {e}")
        finally:
            self._connections.discard(worker)
            self._books.end(worker.name)
            for answer in worker.asked.values():
                answer.cancel()
            writer.close()

    async def _take(self, worker: _Connection, number: int, verb: str, payload: list) -> None:
        match verb:
            case "counts":
                self._books.take(worker.name, payload)
            case "shown":
                answer = worker.asked.pop(number, None)
                if answer is not None and not answer.done():
                    answer.set_result(list(map(row_of, payload)))
            case "listen":
                await self._server.listen(None if payload is None else str(payload))
            case "page":
                task = self._loop.create_task(self._send_rows(worker, number))
                task.add_done_callback(lambda done: done.exception())

    async def _send_rows(self, worker: _Connection, number: int) -> None:
        worker.send([number, "rows", await self._rows()])

    async def _rows(self) -> list[MetricRow]:
        """All metrics; a worker that does not answer lacks its gauges alone."""
        asked: list[asyncio.Future[list[MetricRow]]] = []
        for worker in list(self._connections):
            number = next(self._numbers)
            answer = worker.asked[number] = self._loop.create_future()
            worker.send([number, "ask", None])
            asked.append(answer)
        if asked:
            await asyncio.wait(asked, timeout=_ANSWERS_WITHIN)
        shown = [one.result() for one in asked if one.done() and not one.cancelled()]
        return self._books.rows(shown)

    async def _page(self, accept: str) -> tuple[bytes, str]:
        return page_of(await self._rows(), accept)
