"""Serves shared state to the workers, and passes their messages on.

From a thread of the process that supervises them.
"""

import logging
from pathlib import Path

from switchyard.engine.worker_relay import NAME
from switchyard.engine.worker_relay import WorkerRelay
from switchyard.state.shared.keeper import LeaseKeeper
from switchyard.state.shared.served import StateServer
from switchyard.state.shared.socket_host import SocketHost

logger = logging.getLogger(__name__)


class StateHost(SocketHost):
    """Without it, where it could not be started, each worker keeps state of its own."""

    def __init__(self, file: Path | None) -> None:
        """Keep counters in `file`, if there is one."""
        super().__init__("shared state")
        self._file = file

    async def _serve_in(self, folder: Path) -> None:
        path = folder / "state.sock"
        relay = WorkerRelay(path.with_name(NAME))
        server = StateServer(path, LeaseKeeper(self._file) if self._file else None)
        try:
            await server.start()
            await relay.start()
        except OSError as e:
            logger.error("state: cannot be shared by the workers: %s", e.strerror)
            return
        self._begin(f"served:{path}")
        await self._stop.wait()
        await relay.close()
        await server.close()
