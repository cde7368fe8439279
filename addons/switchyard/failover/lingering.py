"""What an upstream still sends once the client has its terminal event: read for a moment.

Clients may hang up there: OpenAI's SDKs close the connection at `data: [DONE]`. The response was
given all the same. What is left of it is the end of its body, and in Gemini's API maybe its usage;
with the end read, the connection can carry another request.
"""

from typing import Protocol

from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import RequestProtocolError

from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import Deadlines
from switchyard.failover.upstream_request import UpstreamRequest

LINGER = 0.5
"""Seconds an upstream gets to close a response that is already complete. Its connection can be used
again if it does; the client does not wait longer than this for the end."""

LINGER_FOR_USAGE = 2.0
"""The same where usage may be yet to come, and the client is gone and waits for nothing."""

LINGER_BYTES = 65536
"""Bytes that it may send meanwhile."""


class Lingering(Protocol):
    """What is asked of the stream that the response belongs to."""

    deadlines: Deadlines
    client_left: bool
    winner: UpstreamRequest | None

    def lingers(self) -> bool:
        """As `is_lingering`."""
        ...

    def client_gone(self, event: RequestProtocolError) -> CommandGenerator[None]:
        """The client went away before it had its response."""
        ...


def is_lingering(winner: UpstreamRequest | None, paused: object) -> bool:
    """Whether the client has its terminal event, and the upstream has not ended the body.

    A stream that is `paused` has yet to send what came.
    """
    if winner is None or winner.state != "body" or paused is not None:
        return False
    return winner.receiver.answered


def linger(stream: Lingering, upstream: UpstreamRequest) -> CommandGenerator[None]:
    """Give `upstream`, whose response is complete for its client, its time to end the body."""
    if upstream.spare is not None:
        return
    # Whatever comes now takes the way on which it is counted.
    upstream.wins, upstream.spare = False, LINGER_BYTES
    stream.deadlines.disarm(Deadline.BETWEEN_CHUNKS, upstream)
    upstream.race.layer.upstreams.expect_end(upstream.server)
    seconds = LINGER if upstream.receiver.done else LINGER_FOR_USAGE
    yield from stream.deadlines.arm(Deadline.LINGER, seconds, upstream)


def leave(stream: Lingering, event: RequestProtocolError) -> CommandGenerator[None]:
    """The client left: with its terminal event, after which it is sent nothing more, or before."""
    if not stream.lingers() or stream.winner is None:
        return stream.client_gone(event)
    stream.client_left = True
    stream.deadlines.disarm(Deadline.HEARTBEAT)
    return linger(stream, stream.winner)
