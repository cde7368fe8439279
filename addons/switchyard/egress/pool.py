"""Shares idle connections to upstreams between clients.

A connection belongs to the client for which it was made. Once its response is complete, another
client's request may take it, with its layers, and when its client leaves it is parked for a while.
So not every client makes a TCP and TLS handshake with a provider.

Only equal connections are shared: the same address, TLS or none, and the same egress (proxy,
certificates, name). The key of a request is part of that request, not of the connection. HTTP/1.1
alone: an HTTP/2 connection is shared by the streams of one client, and proxies' tunnels stay where
they are.

A response may be complete for its client while the end of its body is yet to come, as after a
stream's terminal event. A request that comes in between waits for that for a moment, which is
shorter than a handshake; not where that end failed to come before.

Moving a connection takes a handler that can let go of one, which mitmproxy's own cannot (see
`switchyard.engine`). Without it every client has its own connections.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass

from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import HttpLayer

from switchyard.egress.connect import GetEgressConnection
from switchyard.egress.egress import Egress
from switchyard.egress.egress import egress_of
from switchyard.egress.egress import outer_of
from switchyard.protocols.driver import DrivenLayer
from switchyard.protocols.driver import Keeper
from switchyard.protocols.ended_layers import free
from switchyard.protocols.ended_layers import layers_of_upstream

KEPT_FOR = 50.0
"""Seconds a connection is kept without a client. Servers close idle ones after a minute or more."""

END_WAIT = 0.1
"""Seconds a request waits at most for the end of a response, which sets a connection free."""

KEPT_AT_MOST = 256
"""Connections without a client."""

type Key = tuple[tuple[str, int] | None, bool, Egress | None]


@dataclass(slots=True, eq=False)
class _Idle:
    server: Server
    layer: DrivenLayer | None
    """The layer that has it; None where its client has left."""
    stack: Layer
    keeper: Keeper | None = None
    timer: asyncio.TimerHandle | None = None


class ConnectionPool:
    """All idle connections of this process."""

    def __init__(self) -> None:
        self._by_key: defaultdict[Key, dict[Server, _Idle]] = defaultdict(dict)
        self._kept: dict[Server, _Idle] = {}
        self._ending: dict[Server, Key] = {}
        """Connections whose responses are complete but for their end."""
        self._waiting: dict[GetHttpConnection, Callable[[], None]] = {}
        """Requests that wait for one of these, in the order in which they came, and what wakes
        each."""
        self._endless: set[Key] = set()
        """Where the end failed to come in time."""

    def __len__(self) -> int:
        return sum(map(len, self._by_key.values()))

    def add(self, server: Server, layer: DrivenLayer) -> None:
        """The server's answer is complete, and the connection can carry another request."""
        if outer_of(server) is server and layer.handler is not None and server.connected:
            stack = layer.connections[server]
            key = _key(server)
            self._by_key[key][server] = _Idle(server, layer, stack)
            self._ending.pop(server, None)
            self._endless.discard(key)
            self._wake(key)

    def expect_end(self, server: Server) -> None:
        """The response on the connection is complete, and its end is about to come."""
        if outer_of(server) is server and (key := _key(server)) not in self._endless:
            self._ending[server] = key

    def has_ending(self, wanted: GetEgressConnection) -> bool:
        """Whether a request may wait for a connection whose response is about to end.

        No more requests do than there are such connections, and each once.
        """
        if not self._ending or wanted.waited:
            return False
        key = _key_of(wanted)
        waiting = sum(_key_of(other) == key for other in self._waiting)
        return waiting < sum(other == key for other in self._ending.values())

    def await_end(
        self, wanted: GetEgressConnection, layer: DrivenLayer, timer: commands.RequestWakeup
    ) -> None:
        """Wake `layer`, as `timer` would, when a connection becomes free that serves."""
        wanted.waited, handler = True, layer.handler
        assert handler is not None
        self._waiting[wanted] = lambda: handler.process(events.Wakeup(timer))

    def stop_waiting(self, wanted: GetHttpConnection) -> None:
        """A request waits no longer."""
        self._waiting.pop(wanted, None)

    def _wake(self, key: Key) -> None:
        for wanted in self._waiting:
            if _key_of(wanted) == key:
                # Not at once: the layer that has the connection is not done with it.
                asyncio.get_running_loop().call_soon(self._waiting.pop(wanted))
                return

    def remove(self, server: Server) -> None:
        """The connection is in use, or gone."""
        key = _key(server)
        if self._ending and self._ending.pop(server, None) is not None:
            self._endless.add(key)
            self._wake(key)
        found = self._by_key.get(key)
        idle = found.pop(server, None) if found else None
        if not found:
            self._by_key.pop(key, None)
        if idle is not None and idle.timer is not None:
            idle.timer.cancel()
            del self._kept[server]

    def take(self, wanted: GetHttpConnection, layer: DrivenLayer) -> Server | None:
        """Return the most recently used connection that serves, and give it to `layer`."""
        if not isinstance(wanted, GetEgressConnection) or layer.handler is None:
            return None
        found = self._by_key.get(_key_of(wanted))
        idle = next(reversed(found.values()), None) if found else None
        if idle is None or not idle.server.connected:
            return None
        self.remove(idle.server)
        if idle.keeper is not None:
            wire = idle.keeper.release()
        else:
            assert idle.layer is not None and idle.layer.handler is not None
            wire = idle.layer.handler.release(idle.server)
            _forget(idle.server, idle.layer)
        _move(idle.stack, layer)
        layer.connections[idle.server] = idle.stack
        for outer, child in _around(layer):
            outer.connections[idle.server] = child
        layer.handler.admit(idle.server, wire)
        return idle.server

    def keep(self, server: Server, keeper: Callable[[], Keeper]) -> bool:
        """Park a connection whose client leaves, with what `keeper` makes, if possible."""
        found = self._by_key.get(_key(server))
        idle = found.get(server) if found else None
        if idle is None or idle.layer is None or len(self._kept) >= KEPT_AT_MOST:
            self.remove(server)
            return False
        _forget(server, idle.layer)
        _move(idle.stack, None)
        idle.layer, idle.keeper = None, keeper()
        idle.timer = asyncio.get_running_loop().call_later(KEPT_FOR, self.drop, server)
        self._kept[server] = idle
        return True

    def drop(self, server: Server) -> None:
        """Close a connection that was kept."""
        idle = self._kept.get(server)
        self.remove(server)
        if idle is not None and idle.keeper is not None:
            idle.keeper.close()
            free(layers_of_upstream(idle.stack))

    def clear(self) -> None:
        """Close all that are kept, and share none of the others."""
        for server in list(self._kept):
            self.drop(server)
        self._by_key.clear()
        self._ending.clear()
        self._endless.clear()


def _key(server: Server) -> Key:
    return server.address, server.tls, egress_of(server)


def _key_of(wanted: GetHttpConnection) -> Key:
    return wanted.address, wanted.tls, getattr(wanted, "way", None)


def _around(layer: DrivenLayer) -> Iterator[tuple[HttpLayer, Layer]]:
    """Return the HTTP layers around this one, as with a client that came by CONNECT.

    Also returns the layer inside each that gets the events of connections made further inside.
    """
    layers = layer.context.layers
    if layer not in layers:
        return  # the tunnel that it was in is gone
    for outer, child in itertools.pairwise(layers[: layers.index(layer) + 1]):
        if isinstance(outer, HttpLayer):
            yield outer, child


def _forget(server: Server, layer: DrivenLayer) -> None:
    layer.connections.pop(server, None)
    for outer, _ in _around(layer):
        outer.connections.pop(server, None)


def _move(stack: Layer, layer: DrivenLayer | None) -> None:
    """Give the layers of a connection their new client; nothing of the last one stays."""
    context = stack.context
    own = layers_of_upstream(stack)
    context.layers = [*layer.context.layers, *own] if layer is not None else own
    if layer is not None:
        context.client = layer.context.client
