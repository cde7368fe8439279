"""Ends the connections of clients when the router stops: first those on which nothing runs."""

import contextlib
import socket
import time
from collections.abc import Iterable
from typing import Any
from weakref import WeakSet

from mitmproxy.proxy.server import ConnectionHandler

from switchyard.failover.layer import FailoverLayer
from switchyard.failover.leaving import end_of_streams
from switchyard.listener.builtin_addons import mitmproxys


class ClientConnections:
    """Knows the HTTP layers of all clients, and with mitmproxy's table their connections."""

    def __init__(self) -> None:
        self._layers: WeakSet[FailoverLayer] = WeakSet()
        self._quiet: dict[str, tuple[float, float]] = {}
        """By clients' ids, their last activity as their handler counts time, and since when nothing
        was seen to run for them; monotonic seconds."""
        self._sending: dict[str, Any] = {}
        """Transports that may still have bytes for their clients, by the clients' ids."""

    def add(self, layer: FailoverLayer) -> None:
        """Note a new layer."""
        self._layers.add(layer)

    def cut(self, client: str, why: str) -> None:
        """Close a client's connection, whatever runs on it. `client` is its id."""
        if (handler := _handlers().get(client)) is not None:
            _cut(handler, why)

    async def stop_streams(self) -> None:
        """End all responses that clients receive or wait for, in their formats."""
        for layer in list(self._layers):
            handler = _handlers().get(layer.context.client.id)
            if handler is not None and (waker := end_of_streams(layer)) is not None:
                await handler.server_event(waker)

    async def announce_end(self) -> None:
        """Tell clients to use other connections for their next requests, where HTTP/2 can."""
        for layer in list(self._layers):
            handler = _handlers().get(layer.context.client.id)
            if handler is not None and (event := layer.leaving.event(ends=False)) is not None:
                await handler.server_event(event)

    async def close_idle(self, quiet_for: float) -> int:
        """Close the connections on which nothing ran for that many seconds.

        Returns how many are left: those on which something runs, or did lately, or that still have
        bytes to send.
        """
        left, now, layers = 0, time.monotonic(), self._by_client()
        for handler in list(_handlers().values()):
            id = handler.client.id
            if not self._is_quiet(handler, layers.get(id, ()), now, quiet_for):
                left += 1
                continue
            await _close(handler, layers.get(id, ()))
        return left + self._unsent()

    def _by_client(self) -> dict[str, list[FailoverLayer]]:
        found: dict[str, list[FailoverLayer]] = {}
        for layer in self._layers:
            found.setdefault(layer.context.client.id, []).append(layer)
        return found

    def _is_quiet(
        self,
        handler: ConnectionHandler,
        layers: Iterable[FailoverLayer],
        now: float,
        quiet_for: float,
    ) -> bool:
        id, activity = handler.client.id, handler.timeout_watchdog.last_activity
        place = handler.transports.get(handler.client)
        transport = getattr(place.writer, "transport", None) if place is not None else None
        if transport is not None:
            self._sending[id] = transport
        if _is_busy(handler, layers) or _has_unsent(transport):
            self._quiet.pop(id, None)
            return False
        before = self._quiet.get(id)
        if before is None or before[0] != activity:
            before = self._quiet[id] = activity, now
        return now - before[1] >= quiet_for and not _has_unread(place, transport)

    def _unsent(self) -> int:
        """How many clients whose connections are being closed have not been sent everything."""
        open_ids = {handler.client.id for handler in _handlers().values()}
        for id in [id for id, transport in self._sending.items() if not _has_unsent(transport)]:
            del self._sending[id]
        return len(self._sending.keys() - open_ids)


def _handlers() -> dict[Any, ConnectionHandler]:
    return mitmproxys("proxyserver").connections


def _has_unsent(transport: Any) -> bool:
    return transport is not None and transport.get_write_buffer_size() > 0


def _has_unread(place: Any, transport: Any) -> bool:
    """Whether a client has sent what its layers have not seen: on a busy machine, long ago."""
    if transport is None or transport.is_closing():
        return False
    if getattr(place.writer, "has_late", False) or getattr(place.reader, "_buffer", b""):
        return True
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(OSError), connection.dup() as same:
        return bool(same.recv(1, socket.MSG_PEEK))
    return False


def _is_busy(handler: ConnectionHandler, layers: Iterable[FailoverLayer]) -> bool:
    """Whether a request runs on a connection, or it is a tunnel, in which one may run."""
    layers = list(layers)
    if not layers:
        return len(handler.transports) > 1
    return any(
        # What runs in a tunnel that was opened here, its own layer knows.
        stream.child_layer is None or not _is_around(layer, layers)
        for layer in layers
        for stream in layer.streams.values()
    )


def _is_around(outer: FailoverLayer, layers: Iterable[FailoverLayer]) -> bool:
    return any(outer is not layer and outer in layer.context.layers for layer in layers)


async def _close(handler: ConnectionHandler, layers: Iterable[FailoverLayer]) -> None:
    innermost = max(layers, key=lambda layer: len(layer.context.layers), default=None)
    event = innermost.leaving.event(ends=True) if innermost is not None else None
    if event is not None:
        await handler.server_event(event)
    _cut(handler, "the router is stopping")


def _cut(handler: ConnectionHandler, why: str) -> None:
    place = handler.transports.get(handler.client)
    if place is not None and place.handler is not None:
        place.handler.cancel(why)
