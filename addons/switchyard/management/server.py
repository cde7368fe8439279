"""Runs the API's server on a private Unix socket, on the loop of the proxy."""

import asyncio
import contextlib
import importlib
import logging
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mitmproxy.utils import asyncio_utils

from switchyard.management.desk import Desk
from switchyard.management.ticking import Ticker

logger = logging.getLogger(__name__)

_BACKLOG = 128
_IDLE = 3600
"""Seconds that the server keeps an idle connection, so that the proxy closes it first."""


class ApiServer:
    """Starts when it is first needed: its libraries take a second and 30 MB.

    The socket lies in a folder that only this user can enter, and each request must have the
    `proof`, which changes with every start: nothing reaches the API but by its guard.
    """

    def __init__(self, desk: Desk) -> None:
        self.proof = secrets.token_hex(32)
        self.socket = ""
        self._desk = desk
        self._ticker = Ticker(desk)
        self._folder: Path | None = None
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    async def start(self) -> None:
        """Returns once the server listens. Raises OSError or ImportError."""
        if self._task is not None and not self._task.done():
            return
        async with self._starting:
            if self._task is None or self._task.done():
                await self._start()

    async def _start(self) -> None:
        uvicorn = await asyncio.to_thread(importlib.import_module, "uvicorn")
        api = await asyncio.to_thread(importlib.import_module, "switchyard.management.api.app")
        app = await asyncio.to_thread(api.create_app, self._desk, self.proof)
        self._folder = Path(tempfile.mkdtemp(prefix="switchyard-"))  # mode 0700
        self.socket = str(self._folder / "api")
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(self.socket)
        listening.listen(_BACKLOG)
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_IDLE,
            timeout_graceful_shutdown=1,
        )
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        self._server = server = uvicorn.Server(config)
        server.capture_signals = _no_signals
        self._task = asyncio_utils.create_task(
            server.serve(sockets=[listening]), name="switchyard management API", keep_ref=True
        )
        while not server.started:
            if self._task.done():
                self._task.result()
                raise OSError("the server of the management API ended")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Ends the server and what it has open."""
        self._ticker.stop()
        if self._server is not None and self._task is not None:
            # Streams end by themselves; what is cancelled leaves its traceback in the log.
            self._desk.events.end()
            self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(self._task, 5.0)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    """Leaves signals to the proxy, whose process this is."""
    yield
