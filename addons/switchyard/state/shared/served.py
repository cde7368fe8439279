"""The parent's side: serves shared state to its workers over a Unix socket."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from switchyard.state.shared import frames
from switchyard.state.shared.board import Numbered
from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.service import StateService
from switchyard.state.shared.socket_host import serve_privately

logger = logging.getLogger(__name__)

_MOST_UNSENT = 8 * 1024 * 1024
"""Bytes that may wait for a worker that does not read; then its connection is closed."""


class StateServer:
    """Listens on a socket that only this user may open. `clock` returns Unix seconds.

    After a restart, workers send it leases, notices and their last minute of settlements; with
    a keeper, counters outlive the process.
    """

    def __init__(
        self, path: Path, keeper: LeaseKeeper | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._keeper = keeper
        self._clock = clock
        self._service = StateService(self._publish)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a socket that an earlier server left is replaced. Raises OSError."""
        if self._keeper is not None:
            self._service = StateService(self._publish, await self._keeper.open())
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await serve_privately(self._serve, self._path)

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        if self._server is not None:
            await self._server.wait_closed()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        if self._keeper is not None:
            await self._keeper.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        process = ""
        try:
            while True:
                number, verb, payload = await frames.read(reader)
                if verb == "beat":
                    process = str(payload[0])
                answer = self._service.handle(verb, payload, int(self._clock() * 1000))
                self._send(writer, [number, answer])
        except (OSError, asyncio.IncompleteReadError):
            pass
        except (ValueError, TypeError, LookupError, AttributeError) as e:
            logger.warning("state: a worker sent a malformed message: %s", e)
        finally:
            self._service.leave(process)
            self._writers.discard(writer)
            writer.close()

    def _publish(self, notice: Numbered) -> None:
        for writer in list(self._writers):
            self._send(writer, [0, notice])

    def _send(self, writer: asyncio.StreamWriter, message: object) -> None:
        if writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            writer.transport.abort()
        else:
            writer.write(frames.pack(message))
