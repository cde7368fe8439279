"""Serves the workers on Unix sockets, from a thread of the process that supervises them."""

import asyncio
import contextlib
import os
import tempfile
import threading
from abc import ABC
from abc import abstractmethod
from collections.abc import Awaitable
from collections.abc import Callable
from pathlib import Path
from typing import Self

_STARTS_WITHIN = 10.0


type Serving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def serve_privately(serve: Serving, path: Path) -> asyncio.Server:
    """Listen on a socket that only this user may open. Raises OSError."""
    mask = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(serve, path)
    finally:
        os.umask(mask)


class SocketHost(ABC):
    """Serves in a folder that only this user may enter, on an event loop of its own.

    A context manager. `where` is what workers are given; empty if it could not be started.
    """

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self.where = ""
        self._folder = tempfile.TemporaryDirectory(prefix="switchyard-", ignore_cleanup_errors=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()

    @abstractmethod
    async def _serve_in(self, folder: Path) -> None:
        """Serve on sockets in a folder until `_stop` is set; call `_begin` once they are there.

        Return without that call if they cannot be made, with the cause reported.
        """

    def _begin(self, where: str) -> None:
        """Tell that workers may come."""
        self.where = where
        self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_STARTS_WITHIN)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError):  # it could not be started, and has ended
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STARTS_WITHIN)
        self._folder.cleanup()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            # Ends what is still served too: connections that close take a few turns of the loop.
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve_in(Path(self._folder.name)))
        finally:
            self._ready.set()
