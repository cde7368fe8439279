"""The connections to upstreams of one client: which can carry a request, and when others may."""

from collections.abc import Iterator

from mitmproxy.connection import Connection
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import GetHttpConnectionCompleted
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import RegisterHttpConnection

from switchyard.egress.connect import GetEgressConnection
from switchyard.egress.connect import connect_egress
from switchyard.egress.egress import egress_of
from switchyard.egress.egress import outer_of
from switchyard.egress.pool import END_WAIT
from switchyard.egress.pool import ConnectionPool
from switchyard.protocols.driver import DrivenLayer
from switchyard.protocols.ended_layers import layers_of_upstream
from switchyard.protocols.http1_client import PatientHttp1Client
from switchyard.protocols.http1_client import http1_client_of
from switchyard.protocols.http2_client import PatientHttp2Client


class UpstreamConnections:
    """Answers the layer's commands about connections, where mitmproxy's own answers do not do.

    Connections that are closed or failed are forgotten: mitmproxy remembers a failure for as long
    as the client connection lives, and would never try that server again.
    """

    side_by_side: bool = False
    """Whether requests run beside each other though the client's connection is not HTTP/2."""

    def __init__(self, layer: DrivenLayer, pool: ConnectionPool | None) -> None:
        """`pool`: where idle connections are shared between clients; None where they cannot be."""
        self._layer = layer
        self._pool = pool
        self.delayed: dict[commands.Command, GetEgressConnection] = {}
        """What waits for a connection that is about to be free, by the timers that end the wait."""

    def get(self, wanted: GetHttpConnection, *, reuse: bool = True) -> CommandGenerator[None]:
        """Answer the command with a connection; `reuse`: one of this client's own will do."""
        layer = self._layer
        if isinstance(wanted, GetEgressConnection):
            if self.side_by_side and reuse and not wanted.own:
                if (free := self._find_free(wanted)) is not None:
                    yield from self._give(wanted, free)
                    return
                reuse = False
            reuse = reuse and not wanted.own
            if self._pool is not None and not wanted.fresh:
                has_one = reuse and any(self._usable(wanted))
                pooled = None if has_one else self._pool.take(wanted, layer)
                if pooled is not None:
                    yield from self._give(wanted, pooled)
                    return
                if not has_one and not wanted.own and self._pool.has_ending(wanted):
                    yield self._delay(wanted)
                    return
            if wanted.way is not None:
                yield from connect_egress(layer, wanted, wanted.way, reuse)
                return
        elif any(
            egress_of(each) and wanted.connection_spec_matches(each) for each in layer.connections
        ):
            reuse = False  # what a client sends to a provider itself takes no egress of the router
        yield from HttpLayer.get_connection(layer, wanted, reuse=reuse)

    def ready(self, wanted: GetEgressConnection) -> Connection | None:
        """One of this client's own connections over which a request can be sent at once."""
        layer = self._layer
        client = layer.context.client
        if wanted.own or wanted.fresh or client.alpn == b"h2":
            return None
        for connection, stack in layer.connections.items():
            if connection is not client and connection.state is ConnectionState.OPEN:
                http1 = stack.context.layers[-1]
                if isinstance(http1, PatientHttp1Client) and http1.is_idle:
                    if wanted.connection_spec_matches(connection):
                        return connection
        return None

    def _delay(self, wanted: GetEgressConnection) -> commands.RequestWakeup:
        """Wait for a connection whose response is about to end; returns the timer of the wait."""
        assert self._pool is not None
        timer = commands.RequestWakeup(END_WAIT)
        self.delayed[timer] = wanted
        self._pool.await_end(wanted, self._layer, timer)
        return timer

    def resume(self, timer: commands.Command) -> CommandGenerator[None]:
        """The wait is over: take the connection that became free, or make one."""
        wanted = self.delayed.pop(timer)
        if self._pool is not None:
            self._pool.stop_waiting(wanted)
        yield from self.get(wanted)

    def expect_end(self, server: Connection | None) -> None:
        """The response on a connection is complete but for its end, which is about to come."""
        if self._pool is not None and isinstance(server, Server):
            if http1_client_of(self._layer, server) is not None:
                self._pool.expect_end(server)

    def use(self, server: Connection) -> None:
        """A request is sent on a connection, which no other client may have meanwhile."""
        if self._pool is not None:
            self._pool.remove(server)  # type: ignore[arg-type]

    def offer(self, server: Connection | None) -> None:
        """The response on a connection is complete: share it, if it can carry another request."""
        if self._pool is None or not isinstance(server, Server):
            return
        client = http1_client_of(self._layer, server)
        if client is not None and client.is_idle:
            self._pool.add(server, self._layer)

    def register(self, command: RegisterHttpConnection) -> CommandGenerator[None]:
        """A connection was made, or could not be: answer those who wait for it."""
        layer = self._layer
        if command.err:
            for connection in {command.connection, outer_of(command.connection)}:
                self._forget(connection)
        else:
            PatientHttp1Client.adopt(layer.connections[command.connection])
            PatientHttp2Client.adopt(layer.connections[command.connection])
        yield from HttpLayer.register_connection(layer, command)

    def cancel_connecting(self, wanted: GetHttpConnection) -> CommandGenerator[None]:
        """Stop making a connection, unless it was made meanwhile or others wait for it too."""
        layer = self._layer
        for timer, delayed in self.delayed.items():
            if delayed is wanted:
                del self.delayed[timer]
                layer.command_sources.pop(wanted, None)
                if self._pool is not None:
                    self._pool.stop_waiting(wanted)
                return
        for connection, waiting in layer.waiting_for_establishment.items():
            if wanted not in waiting:
                continue
            if len(waiting) > 1:
                waiting.remove(wanted)
                layer.command_sources.pop(wanted, None)
            else:
                yield commands.CloseConnection(outer_of(connection))
            return

    def let_go(self) -> None:
        """Let go of the layer, which gets no event any more."""
        self.delayed.clear()
        del self._layer

    def forget_dead(self) -> None:
        """Let go of connections that are closed."""
        layer = self._layer
        dead = [
            connection
            for connection in layer.connections
            if isinstance(connection, Server)
            and connection.state is ConnectionState.CLOSED
            and connection.timestamp_end is not None
            and connection not in layer.waiting_for_establishment
        ]
        for connection in dead:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        stack = self._layer.connections.pop(connection, None)
        if stack is not None:
            self._layer.free_soon(layers_of_upstream(stack))

    def _give(self, wanted: GetHttpConnection, connection: Connection) -> CommandGenerator[None]:
        stream = self._layer.command_sources.pop(wanted)
        done = GetHttpConnectionCompleted(wanted, (connection, None))
        yield from self._layer.event_to_child(stream, done)

    def _find_free(self, wanted: GetEgressConnection) -> Connection | None:
        """One of this client's own connections that carries nothing now, or can carry more."""
        layer = self._layer
        for connection in () if wanted.fresh else layer.connections:
            made = connection.connected and connection not in layer.waiting_for_establishment
            if not made or not wanted.connection_spec_matches(connection):
                continue
            client = http1_client_of(layer, connection)
            if connection.alpn == b"h2" or (client is not None and client.is_idle):
                return connection
        return None

    def _usable(self, wanted: GetHttpConnection) -> Iterator[bool]:
        """Whether each connection of this client's own serves; one that is being made will."""
        multiplexes = self._layer.context.client.alpn == b"h2"
        for connection in self._layer.connections:
            http1 = connection.connected and connection.alpn != b"h2"
            yield not (http1 and multiplexes) and wanted.connection_spec_matches(connection)
