"""Passes messages between the workers, in the process that supervises them.

Each worker has one connection, and sends JSON lists whose first member is what it wants:

- `["watch", bool]`: whether anybody reads its events. The others are told whether any other one is
  watched, so that events are sent only where somebody reads them.
- `["event", kind, data]`: goes to the workers that are watched.
- `["ask", number, what, argument]`: goes to all others; the asker is told how many are asked by
  `["asked", number, count]`, and gets each `["answer", number, result]`.
- `["answer", asker, number, result]`: a worker's answer.
"""

import asyncio
import contextlib
import logging
from itertools import count
from pathlib import Path
from typing import Any

from switchyard.state.shared import frames
from switchyard.state.shared.socket_host import serve_privately

logger = logging.getLogger(__name__)

NAME = "relay.sock"
"""The socket's name, in the folder of the socket of the shared state."""

_MOST_UNSENT = 4 * 1024 * 1024
"""Bytes that may wait for a worker that does not read; then its connection is closed."""


class WorkerRelay:
    """Listens on a socket that only this user may open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count(1)
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._watched: set[int] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens. Raises OSError."""
        self._server = await serve_privately(self._serve, self._path)

    async def close(self) -> None:
        """Stops listening, and closes all connections."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers.values()):
            writer.close()
        await self._server.wait_closed()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        worker = next(self._numbers)
        self._writers[worker] = writer
        self._tell_watched(worker)
        try:
            while True:
                self._handle(worker, await frames.read(reader))
        except (OSError, asyncio.IncompleteReadError):
            pass
        except (ValueError, TypeError, LookupError) as e:
            logger.warning("workers: a worker sent a malformed message: %s", e)
        finally:
            self._watched.discard(worker)
            del self._writers[worker]
            writer.close()
            self._tell_all()

    def _handle(self, worker: int, message: list[Any]) -> None:
        match message:
            case ["watch", bool(watched)]:
                (self._watched.add if watched else self._watched.discard)(worker)
                self._tell_all()
            case ["event", _, _]:
                for other in self._watched - {worker}:
                    self._send(other, message)
            case ["ask", number, what, argument]:
                others = [one for one in self._writers if one != worker]
                self._send(worker, ["asked", number, len(others)])
                for other in others:
                    self._send(other, ["ask", worker, number, what, argument])
            case ["answer", asker, number, result]:
                if asker in self._writers:
                    self._send(asker, ["answer", number, result])
            case _:
                raise ValueError("it has no known form")

    def _tell_all(self) -> None:
        for worker in list(self._writers):
            self._tell_watched(worker)

    def _tell_watched(self, worker: int) -> None:
        self._send(worker, ["watch", bool(self._watched - {worker})])

    def _send(self, worker: int, message: object) -> None:
        writer = self._writers[worker]
        if writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(frames.pack(message))
