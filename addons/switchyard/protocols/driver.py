"""Protocols of what drives a client's layers and their connections."""

from collections.abc import Sequence
from typing import Any
from typing import Protocol

from mitmproxy.connection import Connection
from mitmproxy.connection import Server
from mitmproxy.proxy.events import Event
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer


class Taker(Protocol):
    """Takes what a connection brings, before the layers are given it."""

    def take(self, data: bytes) -> bytes:
        """What is left for the layers."""
        ...

    def let_go(self) -> bytes:
        """The same, when no more will come."""
        ...


class DrivenConnection(Protocol):
    """A TCP connection."""

    wire_fast_path: Taker | None

    def write_now(self, data: bytes) -> None:
        """Send something while no event is being handled."""
        ...


class LayerDriver(Protocol):
    """What drives the layers of a client, and can let go of a connection to a server."""

    layer: Layer
    """The outermost one."""
    handled: int
    """How many events the layers were given."""

    def process(self, event: Event) -> None:
        """Hand an event to the layers."""
        ...

    def connection_of(self, connection: Connection) -> DrivenConnection | None:
        """The TCP connection itself, where it is open."""
        ...

    def release(self, connection: Server) -> Any:
        """Let go of a connection; what `admit` takes."""
        ...

    def admit(self, connection: Server, wire: Any) -> None: ...

    def free_soon(self, layers: Sequence[Layer]) -> None:
        """Free layers that get no event any more, once nobody is at work with them."""
        ...


class Keeper(Protocol):
    """Keeps a connection that has no client."""

    def release(self) -> Any:
        """Let go of it; what a handler's `admit` takes."""
        ...

    def close(self) -> None: ...


class DrivenLayer(HttpLayer):
    """mitmproxy's HTTP layer, knowing what drives it."""

    handler: LayerDriver | None
    """None where mitmproxy itself does."""

    def free_soon(self, layers: Sequence[Layer]) -> None:
        """Free layers that get no event any more; mitmproxy leaves them to the collector."""
        if layers and self.handler is not None:
            self.handler.free_soon(layers)

    def let_go(self) -> None:
        """Let go of what keeps this layer. It gets no event any more."""
        self.streams.clear()
        self.connections.clear()
        self.command_sources.clear()
