"""Keeps upstreams from being blamed where it is the client that does not read.

While a client takes nothing, nothing is read from its upstream either: the upstream's silence says
nothing then, nor does it for a while afterwards.
"""

import time
from typing import TYPE_CHECKING

from mitmproxy.proxy.commands import CloseConnection
from mitmproxy.proxy.layer import CommandGenerator

from switchyard.egress.egress import outer_of
from switchyard.failover.deadlines import Deadline
from switchyard.failover.deadlines import DeadlineKey

if TYPE_CHECKING:
    from switchyard.failover.upstream_request import UpstreamRequest

PATIENCE = 600.0
"""Seconds after which a client that takes nothing is left: it holds an upstream and its places."""


def spare_slow_client(
    upstream: "UpstreamRequest", past: set[DeadlineKey]
) -> CommandGenerator[None]:
    """Moves deadlines on that passed because of the client, and takes them out of `past`.

    Ends the client's connection where it has taken nothing for too long.
    """
    spans = {
        Deadline.BETWEEN_CHUNKS: upstream.attempt.timeouts.between_chunks,
        Deadline.PROGRESS: upstream.silent_for,
    }
    race, now = upstream.race, time.monotonic()
    if upstream.server is None or not any((deadline, upstream) in past for deadline in spans):
        return
    held_until = race.layer.share.holding.held_until(outer_of(upstream.server))
    for deadline, seconds in spans.items():
        key = deadline, upstream
        if key not in past or seconds is None or held_until + seconds <= now:
            continue
        past.discard(key)
        yield from race.deadlines.arm(deadline, held_until + seconds - now, upstream)
    if held_until < now:
        upstream.held_since = None
    elif upstream.held_since is None:
        upstream.held_since = now
    elif now - upstream.held_since >= PATIENCE:
        yield CloseConnection(race.context.client)
