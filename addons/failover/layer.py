"""The HTTP layer of one client connection, with streams that can fail over."""

import logging
import time
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import RegisterHttpConnection
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseProtocolError

from addons.failover.deadlines import ArmDeadline
from addons.failover.deadlines import DeadlineReached
from addons.failover.deadlines import TimedStream
from addons.failover.upstream import PatientHttp1Client
from addons.failover.way import outer_of
from addons.failover.way import way_of
from addons.failover.ways import GetConnectionByWay
from addons.failover.ways import connect_by_way

logger = logging.getLogger(__name__)


class FailoverLayer(HttpLayer):
    """mitmproxy's HTTP layer, extended by what failover needs.

    - Every attempt has a stream id of its own towards its server: HTTP/2 forbids using one twice,
      and late events of an abandoned attempt must find nobody. They are negative, so that they
      never meet a client's.
    - Deadlines of all streams share as few timers as possible: mitmproxy cannot cancel a timer,
      and one per request would leave a sleeping task behind each.
    - Connections that are closed or failed are forgotten. mitmproxy remembers a failure for as long
      as the client connection lives, and would never try that server again.
    - A bug or an unsupported feature met while reading from a server ends that attempt instead of
      leaving the client to wait.
    """

    routed: set[str]
    """Ids of the flows whose requests are sent by attempts."""
    own: set[str]
    """Ids of the flows in which the client spoke to us as to a web server, not as to a proxy."""
    may_forward: Callable[[http.HTTPFlow], bool]
    """Whether a flow that is not routed may be sent on to where the client addressed it."""
    stream_class: type[TimedStream]
    _last_attempt: int
    _timers: dict[commands.Command, float]

    @classmethod
    def adopt(
        cls,
        layer: HttpLayer,
        stream_class: type[TimedStream],
        routed: set[str],
        own: set[str],
        may_forward: Callable[[http.HTTPFlow], bool],
    ) -> None:
        """Turn a layer that mitmproxy just made into one of ours."""
        layer.__class__ = cls
        assert isinstance(layer, cls)
        layer.stream_class = stream_class
        layer.routed = routed
        layer.own = own
        layer.may_forward = may_forward
        layer._last_attempt = 0
        layer._timers = {}

    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        stream = self.stream_class(self.context.fork(), stream_id)
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def open_attempt(self, stream: TimedStream) -> int:
        """A fresh id under which `stream` receives what its next upstream sends."""
        self._last_attempt -= 1
        self.streams[self._last_attempt] = stream
        self._forget_dead_connections()
        return self._last_attempt

    def close_attempt(self, attempt_id: int) -> None:
        """From now on, what comes for this attempt is ignored."""
        self.streams.pop(attempt_id, None)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.Wakeup) and event.command in self._timers:
            del self._timers[event.command]
            inner = self._reach_deadlines()
        elif isinstance(event, events.ConnectionEvent) and isinstance(event.connection, Server):
            inner = self._guard_upstream(event)
        else:
            inner = super()._handle_event(event)
        for command in inner:
            if isinstance(command, ArmDeadline):
                yield from self._arm(command.due)
            else:
                yield command

    def _arm(self, due: float) -> CommandGenerator[None]:
        if self._timers and min(self._timers.values()) <= due:
            return
        timer = commands.RequestWakeup(max(0.0, due - time.monotonic()))
        self._timers[timer] = due
        yield timer

    def _reach_deadlines(self) -> CommandGenerator[None]:
        now = time.monotonic()
        upcoming: float | None = None
        for stream in {id(s): s for s in self.streams.values()}.values():
            assert isinstance(stream, TimedStream)
            due = stream.due
            if due is not None and due <= now:
                yield from self.event_to_child(stream, DeadlineReached())
                due = stream.due
                if due is not None and due <= now:
                    due = None  # being dealt with: its stream waits for a hook
            if due is not None and (upcoming is None or due < upcoming):
                upcoming = due
        if upcoming is not None:
            yield ArmDeadline(upcoming)

    def get_connection(
        self, event: GetHttpConnection, *, reuse: bool = True
    ) -> CommandGenerator[None]:
        if isinstance(event, GetConnectionByWay):
            reuse = reuse and not event.own
            if event.way is not None:
                yield from connect_by_way(self, event, event.way, reuse)
                return
        elif any(way_of(one) and event.connection_spec_matches(one) for one in self.connections):
            reuse = False  # what a client sends to a provider itself takes no way of the router's
        yield from super().get_connection(event, reuse=reuse)

    def cancel_connecting(self, wanted: GetHttpConnection) -> CommandGenerator[None]:
        """Stop making a connection, unless it was made meanwhile or others wait for it too."""
        for connection, waiting in self.waiting_for_establishment.items():
            if wanted not in waiting:
                continue
            if len(waiting) > 1:
                waiting.remove(wanted)
                self.command_sources.pop(wanted, None)
            else:
                yield commands.CloseConnection(outer_of(connection))
            return

    def register_connection(self, command: RegisterHttpConnection) -> CommandGenerator[None]:
        if command.err:
            self.connections.pop(command.connection, None)
            self.connections.pop(outer_of(command.connection), None)
        else:
            PatientHttp1Client.adopt(self.connections[command.connection])
        yield from super().register_connection(command)

    def _forget_dead_connections(self) -> None:
        dead = [
            connection
            for connection in self.connections
            if isinstance(connection, Server)
            and connection.state is ConnectionState.CLOSED
            and connection.timestamp_end is not None
            and connection not in self.waiting_for_establishment
        ]
        for connection in dead:
            del self.connections[connection]

    def _guard_upstream(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        """Handle what a server did; where that fails, end the attempt that waits for it.

        mitmproxy itself would log a crash and leave the stream waiting. Trailers after a chunked
        HTTP/1 body are one case it does not implement: the body is complete then.
        """
        if event.connection not in self.connections and event.connection != self.context.server:
            return  # a connection that failed and is forgotten says its last
        try:
            yield from super()._handle_event(event)
            return
        except NotImplementedError as e:
            trailers = "trailers" in str(e)
            problem = str(e)
        except Exception as e:
            trailers = False
            problem = f"internal error while reading from the upstream: {type(e).__name__}"
            logger.exception("reading from an upstream failed")
        yield commands.CloseConnection(event.connection)
        for stream_id, stream in list(self.streams.items()):
            if stream_id < 0 and outer_of(stream.flow.server_conn) is event.connection:
                ending = (
                    ResponseEndOfMessage(stream_id)
                    if trailers
                    else ResponseProtocolError(stream_id, problem, ErrorCode.GENERIC_SERVER_ERROR)
                )
                yield from self.event_to_child(stream, ending)


def layer_of(stream: Layer) -> FailoverLayer:
    """The layer a stream belongs to."""
    layers = stream.context.layers
    parent = layers[layers.index(stream) - 1]
    assert isinstance(parent, FailoverLayer)
    return parent
