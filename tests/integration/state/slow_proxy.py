"""A proxy between a process and Redis that delays answers."""

import asyncio
import contextlib
from pathlib import Path


class SlowProxy:
    """Listens on a Unix socket; `delay` seconds may be set at any time."""

    def __init__(self, path: Path, target: Path) -> None:
        self._path = path
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.delay = 0.0
        self.url = f"unix://{path}"

    async def __aenter__(self) -> "SlowProxy":
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_unix_connection(self._target)
        for source, sink in ((reader, to_redis), (from_redis, writer)):
            task = asyncio.ensure_future(self._copy(source, sink, source is from_redis))
            self._tasks.add(task)

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(data)
        writer.close()
