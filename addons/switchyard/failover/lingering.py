"""Reads the end of a response for a moment after the client's terminal event.

Clients may disconnect there: OpenAI's SDKs close the connection at `data: [DONE]`. The response was
complete nevertheless. The rest is the end of its body, and in Gemini's API sometimes its usage;
once the end is read, the connection can be reused.
"""

from typing import Protocol

from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import RequestProtocolError

from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import Deadlines
from switchyard.failover.upstream_request import UpstreamRequest

LINGER = 0.5
"""Seconds an upstream gets to close a response that is already complete.

Its connection is reused if it does; the client waits at most this long for the end.
"""

LINGER_FOR_USAGE = 2.0
"""Seconds for the same if usage may follow, and the client is gone."""

LINGER_BYTES = 65536
"""Bytes that the upstream may send meanwhile."""


class Lingering(Protocol):
    """The parts of a response's stream that lingering needs."""

    deadlines: Deadlines
    client_left: bool
    winner: UpstreamRequest | None

    def lingers(self) -> bool:
        """Does the work of `is_lingering`."""
        ...

    def client_gone(self, event: RequestProtocolError) -> CommandGenerator[None]:
        """Ends the stream, since the client left before its response was complete."""
        ...


def is_lingering(winner: UpstreamRequest | None, paused: object) -> bool:
    """Whether the client has its terminal event, but the upstream's body goes on.

    A stream that is `paused` has yet to send its queued data.
    """
    if winner is None or winner.state != "body" or paused is not None:
        return False
    return winner.receiver.answered


def linger(stream: Lingering, upstream: UpstreamRequest) -> CommandGenerator[None]:
    """Gives `upstream`, whose response is complete for its client, time to end."""
    if upstream.spare is not None:
        return
    # Without `wins`, later bytes take the path on which they are counted.
    upstream.wins, upstream.spare = False, LINGER_BYTES
    stream.deadlines.disarm(Deadline.BETWEEN_CHUNKS, upstream)
    upstream.race.layer.upstreams.expect_end(upstream.server)
    seconds = LINGER if upstream.receiver.done else LINGER_FOR_USAGE
    yield from stream.deadlines.arm(Deadline.LINGER, seconds, upstream)


def leave(stream: Lingering, event: RequestProtocolError) -> CommandGenerator[None]:
    """Handles a client that left, before its terminal event or with it.

    After the terminal event it is sent nothing more.
    """
    if not stream.lingers() or stream.winner is None:
        return stream.client_gone(event)
    stream.client_left = True
    stream.deadlines.disarm(Deadline.HEARTBEAT)
    return linger(stream, stream.winner)
