"""Whether an attempt streams, and what becomes of its answer."""

import time
from dataclasses import replace
from functools import partial

from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.fallback import scrubbed
from addons.guard import guarded
from addons.recall import keep
from addons.receiving import RelayReceiver
from addons.runtime import Runtime
from addons.verbatim import VerbatimReceiver
from addons.wire.aside import AsideRelay
from addons.wire.relay import Relay
from addons.wire.seam import Seam


class Streaming:
    """Sets the attempt's stream flag by the provider's policy, and reads its answer.

    `as-asked` leaves the client's wish alone; `default-off` says `stream: false` where the client
    said nothing (some APIs stream by default); `force-on` and `force-off` decide for the upstream,
    and the client still gets what it asked for.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None or exchange.target is None or attempt.answer:
            return
        upstream = exchange.upstream_format
        assert upstream
        exchange.upstream_headers = None
        own = exchange.target.kind == "passthrough"
        receiver = VerbatimReceiver if own else RelayReceiver
        if exchange.aside is not None:
            exchange.upstream_streams = False
            exchange.relay = AsideRelay(exchange.aside, upstream, self._runtime.bounds)
            attempt.receiver = receiver(exchange, exchange.relay, self._succeeded)
            return
        policy = exchange.target.provider.stream
        exchange.upstream_streams = upstream_streams(policy, exchange.streams)
        exchange.says_stream = policy != "as-asked"
        asked = exchange.asked
        if not exchange.passes_through:
            asked = replace(asked, conversation=exchange.conversation)
        if exchange.plan and exchange.plan.continue_streams and exchange.streams:
            exchange.seam = exchange.seam or Seam()
        exchange.relay = Relay(
            upstream,
            exchange.format,
            exchange.streams,
            asked,
            exchange.seam,
            exchange.told,
            self._runtime.bounds,
        )
        exchange.relay.redact = partial(scrubbed, exchange)
        attempt.receiver = receiver(exchange, exchange.relay, self._succeeded, self._completed)

    def _succeeded(self, exchange: Exchange) -> None:
        """Its first output clears a target: others need not wait until the answer is complete."""
        if isinstance(exchange.relay, Relay):
            exchange.told = exchange.told or exchange.relay
        self._runtime.exchanges.begin(exchange)
        if exchange.trail and exchange.current:
            exchange.trail.succeeded(exchange.current, time.monotonic())

    def _completed(self, exchange: Exchange) -> None:
        """Kept before the client sees the end: it may go on from it at once."""
        if self._runtime.exchanges.get(exchange.flow) is exchange:
            keep(self._runtime.conversations, exchange)


def upstream_streams(policy: str, wish: bool) -> bool:
    """Whether the upstream shall stream, given what the client wishes."""
    return {"force-on": True, "force-off": False}.get(policy, wish)
