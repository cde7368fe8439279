"""Pauses reading from a connection whose peer does not keep up."""

import asyncio
import time
from collections import Counter
from typing import Any
from typing import Protocol

from mitmproxy.connection import Connection
from mitmproxy.proxy.server import ConnectionHandler


class HeldWire(Protocol):
    """A connection of the engine (see `switchyard.engine.connection`)."""

    congested: bool
    holds: int
    held: bool
    held_until: float


class Wires(Protocol):
    """A handler of the engine (see `switchyard.engine.handler`)."""

    def connection_of(self, connection: Any) -> Any: ...

    def balance(self) -> None: ...


class WireHolding:
    """Pauses the connections of the engine."""

    def __init__(self, handler: Wires) -> None:
        self._handler = handler

    def hold(self, one: Connection) -> None:
        self._change(one, 1)

    def release(self, one: Connection) -> None:
        self._change(one, -1)

    def _change(self, one: Connection, by: int) -> None:
        wire: HeldWire | None = self._handler.connection_of(one)
        if wire is not None:
            wire.holds = max(0, wire.holds + by)
            self._handler.balance()

    def congested(self, one: Connection) -> bool:
        wire: HeldWire | None = self._handler.connection_of(one)
        return wire is not None and wire.congested

    def held_until(self, one: Connection) -> float:
        wire: HeldWire | None = self._handler.connection_of(one)
        if wire is None:
            return 0.0
        return time.monotonic() if wire.held else wire.held_until


class TaskHolding:
    """Pauses the tasks of mitmproxy, each of which reads from one connection.

    Between two pieces a task waits until all peers have taken their data; this extends that wait.
    """

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler
        self._held: Counter[Connection] = Counter()
        self._released = asyncio.Event()
        self._waiting = 0
        """Tasks that read nothing until their peers have taken their data."""
        self._held_until = 0.0
        self._drain = handler.drain_writers
        handler.drain_writers = self._drain_and_wait  # type: ignore[method-assign]

    async def _drain_and_wait(self) -> None:
        self._waiting += 1
        try:
            await self._drain()
            while self._held and self._is_held(asyncio.current_task()):
                self._released.clear()
                await self._released.wait()
        finally:
            self._waiting -= 1
            self._held_until = time.monotonic()

    def _is_held(self, task: asyncio.Task[Any] | None) -> bool:
        transports = self._handler.transports
        return any(one in transports and transports[one].handler is task for one in self._held)

    def hold(self, one: Connection) -> None:
        self._held[one] += 1

    def release(self, one: Connection) -> None:
        self._held[one] -= 1
        if self._held[one] <= 0:
            del self._held[one]
            self._released.set()

    def congested(self, one: Connection) -> bool:
        return False  # mitmproxy reads nothing until the peers have taken all data

    def held_until(self, one: Connection) -> float:
        return time.monotonic() if self._waiting else self._held_until
