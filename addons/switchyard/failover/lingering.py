"""What an upstream still sends once the client has its terminal event: read for a moment.

Clients may hang up there: OpenAI's SDKs close the connection at `data: [DONE]`. The response was
given all the same. What is left of it is the end of its body, and in Gemini's API maybe its usage;
with the end read, the connection can carry another request.
"""

from typing import Protocol

from mitmproxy.proxy.layer import CommandGenerator

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


def outlive_client(stream: Lingering, upstream: UpstreamRequest | None) -> CommandGenerator[None]:
    """The client left with its terminal event: nothing more is sent to it."""
    assert upstream is not None
    stream.client_left = True
    stream.deadlines.disarm(Deadline.HEARTBEAT)
    yield from linger(stream, upstream)
