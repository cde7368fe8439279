"""Serves shared state to the workers, and passes their messages on.

From a thread of the process that supervises them.
"""

import asyncio
import contextlib
import logging
import tempfile
import threading
from pathlib import Path

from switchyard.engine.worker_relay import NAME
from switchyard.engine.worker_relay import WorkerRelay
from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.served import StateServer

logger = logging.getLogger(__name__)

_STARTS_WITHIN = 10.0


class StateHost:
    """A server on a socket in a folder that only this user may enter. A context manager.

    `where` is what workers are given; empty if it could not be started, and then each worker keeps
    state of its own.
    """

    def __init__(self, file: Path | None) -> None:
        """Keep counters in `file`, if there is one."""
        self._file = file
        self._folder = tempfile.TemporaryDirectory(prefix="switchyard-", ignore_cleanup_errors=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="shared state", daemon=True)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self.where = ""

    def __enter__(self) -> "StateHost":
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
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        path = Path(self._folder.name) / "state.sock"
        relay = WorkerRelay(path.with_name(NAME))
        server = StateServer(path, LeaseKeeper(self._file) if self._file else None)
        try:
            await server.start()
            await relay.start()
        except OSError as e:
            logger.error("state: cannot be shared by the workers: %s", e.strerror)
            self._ready.set()
            return
        self.where = f"served:{path}"
        self._ready.set()
        await self._stop.wait()
        await relay.close()
        await server.close()
