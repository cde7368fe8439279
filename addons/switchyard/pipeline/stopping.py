"""Stops the router: takes no new connections, lets running requests finish, ends the rest."""

import asyncio
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Iterator

from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.utils import asyncio_utils

from switchyard.engine.service_manager import STOPPING
from switchyard.engine.service_manager import notify
from switchyard.engine.workers import MARK
from switchyard.engine.workers import report_draining
from switchyard.failover.client_connections import ClientConnections
from switchyard.listener.builtin_addons import mitmproxys
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State

logger = logging.getLogger(__name__)

_LOOKS_EVERY = 0.05
"""Seconds between two looks at the connections that are left."""

_QUIET_FOR = 0.1
"""Seconds without a request after which a connection is closed: its client may be about to send the
next one."""

_QUIET_IF_REPLACED = 2.0
"""The same where another process has the port."""

_TAKES_FOR = 2.0
"""Seconds for which connections that wait are taken before the port is closed."""

_TURNS = 4
"""Turns of the event loop that a connection needs from being accepted until it has its handler."""


class Stopping:
    """SIGTERM drains the router for `drain` seconds at most; a second one stops it at once."""

    def __init__(self, snapshots: Snapshots, state: State, connections: ClientConnections) -> None:
        self._snapshots = snapshots
        self._state = state
        self._connections = connections
        self._draining: asyncio.Task[None] | None = None

    def running(self) -> None:
        """Take the place of mitmproxy's own handler of SIGTERM."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.drain)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        self._announce_close(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        self._announce_close(flow)  # of a response that an addon made, there was no other hook

    def done(self) -> None:
        if self._draining is not None:
            self._draining.cancel()

    def _announce_close(self, flow: http.HTTPFlow) -> None:
        """Have an HTTP/1 client use another connection next (RFC 9112, section 9.6)."""
        response, request = flow.response, flow.request
        if not self._state.draining or response is None or response.status_code < 200:
            return
        if not (request.is_http2 or request.is_http3):
            response.headers["connection"] = "close"

    def drain(self, replaced: bool = False) -> None:
        """End the process once its requests are over; a second call ends it at once.

        `replaced`: another process has its place, so that clients lose nothing by a connection that
        is not closed yet.
        """
        if self._draining is None:
            if not replaced and MARK not in os.environ:
                notify(STOPPING)
            self._draining = asyncio_utils.create_task(
                self._drain(self._snapshots.current.config.drain, replaced),
                name="draining",
                keep_ref=True,
            )
            return
        logger.info("switchyard: stopping at once")
        ctx.master.shutdown()

    async def _drain(self, seconds: float, replaced: bool) -> None:
        try:
            await self._finish_requests(seconds, replaced)
        finally:
            report_draining(False)
            ctx.master.shutdown()

    async def _finish_requests(self, seconds: float, replaced: bool) -> None:
        loop = asyncio.get_running_loop()
        ends, told = loop.time() + seconds, False
        quiet_for = _QUIET_IF_REPLACED if replaced else _QUIET_FOR
        self._state.draining = True
        report_draining(True)
        await _stop_accepting(0.0 if replaced else _TAKES_FOR)
        _stop_listening()
        await self._connections.announce_end()
        while left := await self._connections.close_idle(quiet_for):
            if loop.time() >= ends:
                if seconds:
                    logger.warning(
                        "switchyard: ending %d connections after %g s (drain)", left, seconds
                    )
                return
            if not told:
                told = True
                logger.info(
                    "switchyard: stopping; %d connections may finish within %g s", left, seconds
                )
            await asyncio.sleep(_LOOKS_EVERY)


async def _stop_accepting(takes_for: float) -> None:
    """Accept no more connections, and return once each one that was accepted has its handler.

    For `takes_for` seconds at most, connections that wait on the sockets are taken first: if no
    other process has these sockets, closing them resets what waits there. A connection between
    being accepted and its handler would be reset too, as asyncio gives none to a closed server.
    """
    loop, deadline = asyncio.get_running_loop(), time.monotonic() + takes_for
    accepts, turns = True, 0
    while turns < _TURNS:
        if accepts and time.monotonic() >= deadline:
            accepts, turns = False, 0
            for listening in _listening_sockets():
                loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)
        turns = 0 if accepts and _is_somebody_waiting() else turns + 1


def _is_somebody_waiting() -> bool:
    waiting = select.poll()
    for listening in _listening_sockets():
        waiting.register(listening.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _stop_listening() -> None:
    """Close the sockets that clients connect to.

    mitmproxy's option `server` would do this too, and forget on which addresses the router was.
    """
    for server in _servers():
        server.close()


def _listening_sockets() -> Iterator[socket.socket]:
    return (listening for server in _servers() for listening in server.sockets)


def _servers() -> Iterator[asyncio.Server]:
    for instance in mitmproxys("proxyserver").servers:
        for server in getattr(instance, "_servers", ()):
            # Others carry connections themselves, as WireGuard's does.
            if isinstance(server, asyncio.Server):
                yield server
