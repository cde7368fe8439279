"""Handles the connections of one client."""

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any
from typing import Protocol

from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy import server_hooks
from mitmproxy.utils import human

from switchyard.egress.dial import as_address
from switchyard.egress.dial import connect
from switchyard.engine.connection import TcpConnection
from switchyard.engine.driver import Driving
from switchyard.engine.parked import ParkedConnection


class SharedPool(Protocol):
    """See `switchyard.egress.pool`."""

    def keep(self, server: Any, keeper: Callable[[], ParkedConnection]) -> bool: ...

    def drop(self, server: Any) -> None: ...

    def remove(self, server: Any) -> None: ...


class EngineHandler(Driving):
    """Opens, keeps and closes the connections of one client: its own, and those to servers."""

    def __init__(
        self, master: Any, client: TcpConnection, options: Any, mode: mode_specs.ProxyMode
    ) -> None:
        super().__init__(master, client, options, mode)
        client.owner, client.connection = self, self.client
        self.transports[self.client] = client  # type: ignore[assignment]
        self._forget: Callable[[], None] = lambda: None
        self.pool: SharedPool | None = None
        """Where idle connections to servers are shared."""

    def open(self, forget: Callable[[], None]) -> None:
        """Begin; `forget` is called when everything is over."""
        self._forget = forget
        wire = self.transports[self.client]
        rest = self._addons.lifecycle(server_hooks.ClientConnectedHook(self.client))
        if rest is None:
            self._opened()
        else:
            wire.transport.pause_reading()  # type: ignore[union-attr]
            self._task(self._open_after(rest), "client connected")

    async def _open_after(self, rest: Awaitable[None]) -> None:
        await rest
        if not self._over:
            self.transports[self.client].transport.resume_reading()  # type: ignore[union-attr]
            self._opened()

    def _opened(self) -> None:
        if self.client.error:
            if (wire := self.connection_of(self.client)) is not None:
                wire.told = True  # its layers have not begun, and take no end
            self.close_connection(self.client)
        else:
            self.process(events.Start())

    def received(self, wire: TcpConnection, data: bytes) -> None:
        if wire.connection is not None:
            self.process(events.DataReceived(wire.connection, data))

    def noticed(self) -> None:
        self.timeout_watchdog.last_activity = time.monotonic()  # which is the loop's clock

    def ended(self, wire: TcpConnection) -> None:
        """The peer will send nothing any more."""
        connection = wire.connection
        if wire.told or connection is None:
            return
        wire.told = True
        connection.state &= ~ConnectionState.CAN_READ
        self.process(events.ConnectionClosed(connection))
        if connection.state is not ConnectionState.CAN_WRITE:
            self._remove(wire)

    def close_soon(self, wire: TcpConnection) -> None:
        self.loop.call_soon(self._close, wire)

    def balance(self) -> None:
        """Stop reading from a peer whose data another peer does not read fast enough."""
        wires = [wire for wire in self.transports.values() if isinstance(wire, TcpConnection)]
        congested = [wire for wire in wires if wire.congested]
        for wire in wires:
            if wire.transport.is_closing():
                continue
            held = bool(wire.holds) or any(other is not wire for other in congested)
            if wire.held and not held:
                wire.held_until = time.monotonic()
            wire.held = held
            if held:
                wire.transport.pause_reading()
            else:
                wire.transport.resume_reading()

    def _close(self, wire: TcpConnection) -> None:
        connection = wire.connection
        if connection is None or self.transports.get(connection) is not wire:
            return
        connection.state = ConnectionState.CLOSED
        if not wire.told:
            wire.told = True
            self.process(events.ConnectionClosed(connection))
        self._remove(wire)

    def _remove(self, wire: TcpConnection) -> None:
        connection = wire.connection
        if connection is None or self.transports.get(connection) is not wire:
            return
        del self.transports[connection]
        wire.owner = None
        wire.close()
        connection.timestamp_end = time.time()
        if connection is self.client:
            self._end()
            return
        if self.pool is not None:
            self.pool.remove(connection)
        data = server_hooks.ServerConnectionHookData(client=self.client, server=connection)  # type: ignore
        self._tell(server_hooks.ServerDisconnectedHook(data))
        self._end_if_last()

    def _end(self) -> None:
        """The client is gone."""
        self._over = True
        self.timeout_watchdog.stop()  # type: ignore[attr-defined]
        while self._timers:
            self._timers.popitem()[1].cancel()
        self._tell(server_hooks.ClientDisconnectedHook(self.client))
        for connection, transport in list(self.transports.items()):
            if self._keeps(connection, transport):
                del self.transports[connection]
            elif transport.handler is not None:
                transport.handler.cancel("client disconnected")
        self._end_if_last()

    def _keeps(self, connection: Any, wire: Any) -> bool:
        """Whether a connection stays for other clients when this one leaves."""
        pool = self.pool
        if (
            pool is None
            or not isinstance(wire, TcpConnection)
            or wire.told
            or connection is self.client
        ):
            return False
        return pool.keep(connection, lambda: ParkedConnection(wire, lambda: pool.drop(connection)))

    def connection_of(self, connection: Any) -> TcpConnection | None:
        """The TCP connection itself, where it is open."""
        wire = self.transports.get(connection)
        return wire if isinstance(wire, TcpConnection) else None

    def release(self, connection: Any) -> TcpConnection:
        """Let go of an idle connection to a server."""
        wire = self.transports.pop(connection)
        assert isinstance(wire, TcpConnection)
        wire.owner = None
        wire.holds = 0
        return wire

    def admit(self, connection: Any, wire: TcpConnection) -> None:
        """Take over a connection that another handler let go of."""
        wire.owner = self
        self.transports[connection] = wire  # type: ignore[assignment]

    def _end_if_last(self) -> None:
        if not self._over or self.transports:
            return
        self._forget()
        self.loop.call_soon(self._free_all)  # whoever is at work with the layers goes first

    def _open_connection(self, command: commands.OpenConnection) -> None:
        connection = command.connection
        assert connection not in self.transports
        if self._over:
            connection.error = "client disconnected"
            self._queue.append(events.OpenConnectionCompleted(command, connection.error))
            return
        if connection.transport_protocol != "tcp":
            super_open = super().open_connection(command)
            self.transports[connection] = self._connecting(super_open)
            return
        self.transports[connection] = self._connecting(self._connect(command))

    def _connecting(self, coroutine: Any) -> Any:
        return Connecting(self._task(coroutine, "server connection handler"))

    async def _connect(self, command: commands.OpenConnection) -> None:
        connection = command.connection
        hook_data = server_hooks.ServerConnectionHookData(client=self.client, server=connection)
        if not connection.address:
            connection.error = "Cannot open connection, no hostname given."
        else:
            await self._addons.handle_lifecycle(server_hooks.ServerConnectHook(hook_data))
        if connection.error or not connection.address:
            await self._not_connected(command, hook_data, f"Connection killed: {connection.error}")
            return
        connection.timestamp_start = time.time()
        try:
            _, wire = await connect(
                lambda: TcpConnection(self, connection),
                *connection.address[:2],
                connection.sockname,
            )
        except (OSError, asyncio.CancelledError) as e:
            # The text of a cancellation is empty.
            connection.error = str(e) or "connection cancelled"
            address = human.format_address(connection.address)
            self.log(f"error establishing server connection to {address}: {connection.error}")
            await self._not_connected(command, hook_data, connection.error)
            if isinstance(e, asyncio.CancelledError):
                raise
            return
        connection.timestamp_tcp_setup = time.time()
        connection.state = ConnectionState.OPEN
        connection.peername = as_address(wire.get_extra_info("peername"))
        connection.sockname = as_address(wire.get_extra_info("sockname"))
        self.transports[connection] = wire  # type: ignore[assignment]
        if self._over:
            self._close(wire)
            return
        await self._addons.handle_lifecycle(server_hooks.ServerConnectedHook(hook_data))
        self.process(events.OpenConnectionCompleted(command, None))

    async def _not_connected(
        self,
        command: commands.OpenConnection,
        hook_data: server_hooks.ServerConnectionHookData,
        why: str,
    ) -> None:
        self.transports.pop(command.connection, None)
        self._awaited += 1
        try:
            await self._addons.handle_lifecycle(server_hooks.ServerConnectErrorHook(hook_data))
        finally:
            self._awaited -= 1
        self.process(events.OpenConnectionCompleted(command, why))
        self._end_if_last()

    async def on_timeout(self) -> None:
        raise NotImplementedError("the watchdog closes the connection itself")

    def time_out(self) -> None:
        """Nothing has happened for too long."""
        self.log("Closing connection due to inactivity")
        wire = self.transports.get(self.client)
        if wire is not None and wire.handler is not None:
            wire.handler.cancel("timeout")


class Connecting:
    """The place in `ConnectionHandler.transports` of a connection that is being made."""

    reader = writer = None

    def __init__(self, handler: asyncio.Task) -> None:
        self.handler = handler
