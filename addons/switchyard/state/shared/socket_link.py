"""A worker's side: carries verbs to the parent over its Unix socket."""

import asyncio
import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any
from typing import Literal

from switchyard.state.shared import frames
from switchyard.state.shared.board import Numbered
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.link import in_time

_CONNECT_SECONDS = 5.0


class SocketLink:
    """Implements `Link`. Calls share one connection, and may overlap."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._hear: Callable[[Numbered], None] | None = None
        self._connecting = asyncio.Lock()

    @property
    def way(self) -> Literal["served"]:
        """How the state is kept."""
        return "served"

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        """Have the parent carry out a verb; connects first, if need be. Raises LinkDown."""
        writer = self._writer or await self._connect(timeout)
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            writer.write(frames.pack([number, verb, payload]))
            return await in_time(answer, timeout)
        finally:
            self._waiting.pop(number, None)
            answer.cancel()

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        """Hand notices on until the connection is lost. Raises LinkDown."""
        self._hear = hear
        await self._connect(_CONNECT_SECONDS)
        ready()
        if self._reading is not None:
            await asyncio.wait([self._reading])
        raise LinkDown("the parent process closed the connection")

    async def close(self) -> None:
        """Close the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _connect(self, timeout: float) -> asyncio.StreamWriter:
        try:
            async with asyncio.timeout(timeout), self._connecting:
                return self._writer or await self._open()
        except OSError as e:  # TimeoutError is one, too
            raise LinkDown(f"the parent process does not listen: {type(e).__name__}") from e

    async def _open(self) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_unix_connection(self._path)
        self._writer = writer
        self._reading = asyncio.get_running_loop().create_task(self._read(reader, writer))
        return writer

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError, TypeError):
                while True:
                    number, content = await frames.read(reader)
                    if number == 0:
                        if self._hear is not None:
                            self._hear(content)
                    elif (answer := self._waiting.get(number)) and not answer.done():
                        answer.set_result(content)
        finally:
            self._writer = None
            writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(LinkDown("the parent process closed the connection"))
