"""The HTTP layer of one client connection, with streams that can fail over."""

import logging
import time
from collections.abc import Callable

from mitmproxy import http
from mitmproxy.connection import Connection
from mitmproxy.connection import Server
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import modes
from mitmproxy.proxy.layers.http import DropStream
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import GetHttpConnection
from mitmproxy.proxy.layers.http import HttpLayer
from mitmproxy.proxy.layers.http import HttpStream
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RegisterHttpConnection
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.proxy.layers.http import SendHttp

from switchyard.egress.connections import UpstreamConnections
from switchyard.egress.egress import outer_of
from switchyard.egress.pool import ConnectionPool
from switchyard.failover.control import Heads
from switchyard.failover.deadlines import ArmDeadline
from switchyard.failover.deadlines import DeadlineReached
from switchyard.failover.leaving import Leaving
from switchyard.failover.response_stream import ResponseStream
from switchyard.failover.response_stream import RunHook
from switchyard.listener.bounds import Share
from switchyard.listener.bounds import unbounded
from switchyard.protocols.driver import DrivenLayer
from switchyard.protocols.driver import LayerDriver
from switchyard.protocols.ended_layers import layers_within
from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1 import nothing
from switchyard.protocols.http1_client import give_up_answer
from switchyard.protocols.http2_server import BoundedHttp2Server
from switchyard.protocols.websocket import ClientSession
from switchyard.values.log_marks import OF_A_REQUEST

logger = logging.getLogger(__name__)

_HANDING_ON = (modes.HttpProxy, modes.ReverseProxy)


class FailoverLayer(DrivenLayer):
    """Extends mitmproxy's HTTP layer for failover.

    - Every attempt has a stream id of its own towards its server: HTTP/2 forbids using one twice,
      and late events of an abandoned attempt must reach no other. They are negative, so that they
      never equal a client's.
    - Deadlines of all streams share as few timers as possible: mitmproxy cannot cancel a timer,
      and one per request would leave a sleeping task behind each.
    - A bug or an unsupported feature met while reading from a server ends that attempt instead of
      leaving the client to wait.
    """

    routed: set[str]
    """Ids of the flows whose requests are sent by attempts."""
    own: set[str]
    """Ids of the flows whose client addressed the router itself, not a proxy."""
    sessions: dict[str, ClientSession]
    """Sessions that begin with the response to a WebSocket handshake, by flow id."""
    may_forward: Callable[[http.HTTPFlow], bool]
    """Whether a flow without a route may be sent to where the client addressed it."""
    heads: Heads | None
    """Refuses requests by their heads; None if none are refused."""
    stream_class: type[ResponseStream]
    upstreams: UpstreamConnections
    share: Share
    """The connection's share of its client address's bounds."""
    run_hook: RunHook | None
    """Runs hooks without waiting for them; None if mitmproxy drives the layers."""
    timers: dict[commands.RequestWakeup, float]
    """The running timers of all streams' deadlines, with their ends."""
    leaving: Leaving
    _last_attempt: int
    _closes: bool
    """Whether the client's connection closes after the last lingering stream."""

    @classmethod
    def adopt(
        cls,
        layer: HttpLayer,
        stream_class: type[ResponseStream],
        routed: set[str],
        own: set[str],
        sessions: dict[str, ClientSession],
        may_forward: Callable[[http.HTTPFlow], bool],
        handler: LayerDriver | None = None,
        pool: ConnectionPool | None = None,
        heads: Heads | None = None,
        share: Share | None = None,
    ) -> None:
        """Turns a new layer of mitmproxy's into a FailoverLayer, driven by `handler`."""
        layer.__class__ = cls
        assert isinstance(layer, cls)
        layer.stream_class = stream_class
        layer.routed = routed
        layer.own = own
        layer.sessions = sessions
        layer.may_forward = may_forward
        layer.heads = heads
        layer.handler = handler
        layer.upstreams = UpstreamConnections(layer, pool if handler is not None else None)
        layer.run_hook = getattr(handler, "run_hook", None)
        layer.share = share or unbounded()
        layer._last_attempt = 0
        layer._closes = False
        layer.leaving = Leaving()
        layer.timers = {}

    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        stream = self.stream_class(forked(self.context), stream_id)
        stream.run_hook, stream.closes_client = self.run_hook, lambda: self._closes
        self.streams[stream_id] = stream
        yield from self.event_to_child(stream, events.Start())

    def open_attempt(self, stream: ResponseStream) -> int:
        """Returns a new id under which `stream` receives its next upstream's events."""
        self._last_attempt -= 1
        self.streams[self._last_attempt] = stream
        self.upstreams.forget_dead()
        return self._last_attempt

    def close_attempt(self, attempt_id: int, server: Connection | None) -> None:
        """Ignores later events of this attempt, and lets go of what takes its answer's chunks."""
        self.streams.pop(attempt_id, None)
        give_up_answer(self, server, attempt_id)

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        # This layer itself never waits for a command's reply, only its children do.
        return self._handle_event(event) if self.debug is None else super().handle_event(event)

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        kind = type(event)
        client = self.context.client
        if kind is events.DataReceived and event.connection is client:  # type: ignore
            return self.event_to_child(self.connections[client], event)
        if isinstance(event, events.ConnectionEvent) and isinstance(event.connection, Server):
            return self._guard_upstream(event)
        if kind is events.Wakeup and event.command in self.timers:  # type: ignore
            del self.timers[event.command]  # type: ignore
            return self._reach_deadlines()
        if kind is events.Wakeup and event.command in self.upstreams.delayed:  # type: ignore
            return self.upstreams.resume(event.command)  # type: ignore
        if kind is events.Wakeup and event.command is self.leaving.timer:  # type: ignore
            return self.leaving.tell(self.connections.get(client))
        if kind is events.Wakeup and event.command not in self.command_sources:  # type: ignore
            return nothing()  # `end_of_streams` took its place
        return self._begin(event) if kind is events.Start else super()._handle_event(event)

    def _begin(self, event: events.Event) -> CommandGenerator[None]:
        yield from super()._handle_event(event)
        client = self.connections[self.context.client]
        QuickHttp1Server.adopt(client, self.share)
        yield from BoundedHttp2Server.adopt(client, self)
        if isinstance(client, BoundedHttp2Server):
            yield self.leaving.wait()
        if self.handler is not None and self.debug is None:
            top = self.handler.layer
            # The layer between the handler and the outermost HTTP layer passes every event on.
            if self.context.layers[:2] == [top, self] and type(top) in _HANDING_ON:
                top.handle_event = self.handle_event

    def event_to_child(
        self, child: Layer | HttpStream, event: events.Event
    ) -> CommandGenerator[None]:
        # Same as `HttpLayer.event_to_child`, with the most frequent commands tested first.
        for command in child.handle_event(event):
            kind = type(command)
            if kind is commands.SendData:
                yield command
            elif kind is ReceiveHttp:
                received = command.event  # type: ignore[attr-defined]
                if type(received) is RequestHeaders:
                    yield from self.make_stream(received.stream_id)
                stream = self.streams.get(received.stream_id)
                if stream is not None:
                    yield from self.event_to_child(stream, received)
            elif kind is SendHttp:
                connection = self.connections[command.connection]  # type: ignore[attr-defined]
                yield from self.event_to_child(connection, command.event)  # type: ignore
            elif kind is ArmDeadline:
                yield from self._arm(command.due)  # type: ignore[attr-defined]
            else:
                yield from self._pass_up(child, command)

    def _pass_up(self, child: Layer, command: commands.Command) -> CommandGenerator[None]:
        # mitmproxy routes the reply back to the child that is noted here.
        if command.blocking or isinstance(command, commands.RequestWakeup):
            self.command_sources[command] = child
        if isinstance(command, DropStream):
            self.drop(command.stream_id)
        elif isinstance(command, GetHttpConnection):
            yield from self.upstreams.get(command)
        elif isinstance(command, RegisterHttpConnection):
            yield from self.upstreams.register(command)
        elif type(command) is commands.CloseConnection and _outlives(self, command.connection):
            self._closes = True
        else:
            if isinstance(command, commands.OpenConnection):
                self.connections[command.connection] = child
            yield command

    def drop(self, stream_id: int) -> None:
        """Removes a stream that is over."""
        if isinstance(stream := self.streams.pop(stream_id, None), ResponseStream):
            stream.release()
            self.free_soon(layers_within(stream.child_layer))

    def release(self) -> None:
        """Frees the requests of a client that is gone, before the garbage collector does."""
        for stream in list(self.streams.values()):
            stream.request_body_buf.clear()
            stream.response_body_buf.clear()
        client = self.connections.get(self.context.client)
        if isinstance(client, QuickHttp1Server | BoundedHttp2Server):
            client.let_go()

    def let_go(self) -> None:
        super().let_go()
        self.upstreams.let_go()

    def upstream_of(self, stream_id: int) -> Connection | None:
        """Returns the upstream connection that currently answers a client's stream."""
        stream = self.streams.get(stream_id)
        server = stream.flow.server_conn if stream is not None else None
        return outer_of(server) if server is not None and server in self.connections else None

    def request_of(self, stream_id: int) -> http.Request | None:
        """Returns the request of a client's stream."""
        stream = self.streams.get(stream_id)
        return stream.flow.request if stream is not None else None

    def _arm(self, due: float) -> CommandGenerator[None]:
        if self.timers and min(self.timers.values()) <= due:
            return
        timer = commands.RequestWakeup(max(0.0, due - time.monotonic()))
        self.timers[timer] = due
        yield timer

    def _reach_deadlines(self) -> CommandGenerator[None]:
        now = time.monotonic()
        upcoming: float | None = None
        for stream in {id(s): s for s in self.streams.values()}.values():
            assert isinstance(stream, ResponseStream)
            due = stream.deadlines.earliest
            if due is not None and due <= now:
                yield from self.event_to_child(stream, DeadlineReached())
                due = stream.deadlines.earliest
                if due is not None and due <= now:
                    due = None  # its stream handles it once a running hook is over
            if due is not None and (upcoming is None or due < upcoming):
                upcoming = due
        if upcoming is not None:
            yield from self._arm(upcoming)

    def get_connection(
        self, event: GetHttpConnection, *, reuse: bool = True
    ) -> CommandGenerator[None]:
        # mitmproxy also calls this, if one connection cannot serve all streams waiting for it.
        return self.upstreams.get(event, reuse=reuse)

    def _guard_upstream(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        """Handles a server's event; if that fails, ends the attempt that waits for it.

        mitmproxy itself would log a crash and leave the stream waiting. Trailers after a chunked
        HTTP/1 body are one case it does not implement: the body is complete then.
        """
        stack = self.connections.get(event.connection)
        if stack is None and event.connection != self.context.server:
            return  # the last event of a failed connection that was dropped already
        try:
            if stack is not None and type(event) is events.DataReceived:
                yield from self.event_to_child(stack, event)
            else:
                yield from super()._handle_event(event)
            return
        except NotImplementedError as e:
            trailers = "trailers" in str(e)
            problem = str(e)
        except Exception as e:
            trailers = False
            problem = f"internal error while reading from the upstream: {type(e).__name__}"
            logger.exception("reading from an upstream failed", extra=OF_A_REQUEST)
        yield commands.CloseConnection(event.connection)
        for stream_id, stream in list(self.streams.items()):
            if stream_id < 0 and outer_of(stream.flow.server_conn) is event.connection:
                ending = (
                    ResponseEndOfMessage(stream_id)
                    if trailers
                    else ResponseProtocolError(stream_id, problem, ErrorCode.GENERIC_SERVER_ERROR)
                )
                yield from self.event_to_child(stream, ending)


def forked(context: Context) -> Context:
    """Does the work of `context.fork()`, without making a server that is not used."""
    copy = object.__new__(Context)
    copy.__dict__.update(context.__dict__)
    copy.layers = context.layers.copy()
    return copy


def _outlives(layer: FailoverLayer, connection: Connection) -> bool:
    """Whether a connection to be closed is the client's, while a response lingers.

    Without the client's connection there would be none to its upstreams either.
    """
    if connection is not layer.context.client:
        return False
    streams = layer.streams.values()
    return any(isinstance(stream, ResponseStream) and stream.lingers() for stream in streams)


def layer_of(stream: Layer) -> FailoverLayer:
    """Returns the layer of a stream."""
    layers = stream.context.layers
    parent = layers[layers.index(stream) - 1]
    assert isinstance(parent, FailoverLayer)
    return parent
