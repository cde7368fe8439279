"""Tells clients that the process stops, each in the words of its protocol and format."""

from typing import TYPE_CHECKING

from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer

from switchyard.failover.attempt import AttemptFailure
from switchyard.failover.deadlines import Deadline
from switchyard.failover.response_stream import ResponseStream
from switchyard.protocols.http2_server import BoundedHttp2Server
from switchyard.protocols.websocket import WebSocketServer

if TYPE_CHECKING:
    from switchyard.failover.layer import FailoverLayer
    from switchyard.failover.stream import FailoverStream

_STOP = Deadline.STOP, None

_NEVER = 604_800.0
"""Seconds after which a client is told to leave although the process goes on."""

_STOPPING = "The router is stopping. Send the request again."


class Leaving:
    """Has an event reach a connection's layer from outside, in the place of a timer.

    Layers between know where the end of a timer belongs, and would refuse an event of another kind.
    """

    timer: commands.RequestWakeup | None = None
    """None if the client's protocol has no word for the end of a connection."""
    _ends = False

    def wait(self) -> commands.RequestWakeup:
        """Return the command that the layer gives, so that it can be told."""
        self.timer = commands.RequestWakeup(_NEVER)
        return self.timer

    def event(self, ends: bool) -> events.Wakeup | None:
        """Return the event upon which the client is told; None if it cannot be.

        With `ends` the connection, on which nothing runs, is closed then.
        """
        self._ends = ends
        return events.Wakeup(self.timer) if self.timer is not None else None

    def tell(self, client: Layer | None) -> CommandGenerator[None]:
        """Tell the client, whose protocol `client` speaks."""
        self.timer = None
        if self._ends and isinstance(client, BoundedHttp2Server | WebSocketServer):
            yield from client.end()
            return
        yield self.wait()
        if isinstance(client, BoundedHttp2Server):
            yield from client.leave()


def end_of_streams(layer: "FailoverLayer") -> events.Wakeup | None:
    """Return the event upon which a layer ends its responses, in their clients' formats.

    It takes the place of a running timer. None if there is nothing to do.
    """
    streams = [stream for stream in layer.streams.values() if isinstance(stream, ResponseStream)]
    for stream in streams:
        if stream.deadlines:
            stream.deadlines[_STOP] = 0.0
    if not layer.timers or not any(_STOP in stream.deadlines for stream in streams):
        return None
    return events.Wakeup(next(iter(layer.timers)))


def stop(stream: "FailoverStream") -> CommandGenerator[None]:
    """End a response in an error of the client's format."""
    if not stream.taken_over:
        return
    winner = stream.winner
    if winner is None:
        yield from stream.let_go("the router is stopping")
        refuse = stream.layer.share.refuse
        yield from stream.send_answer(refuse(stream.flow.request, 503, _STOPPING))
        return
    receiver = winner.receiver
    rest = winner.break_off(AttemptFailure("reset", "the router is stopping"))
    if receiver.failed and receiver.resumable:
        rest += receiver.closing()
    yield from stream.send_data(rest)
    yield from stream.finish()
