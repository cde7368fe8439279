"""Whether an attempt streams, and what becomes of its answer."""

import time
from dataclasses import replace
from functools import partial

from switchyard.attempt.receiver import RelayReceiver
from switchyard.attempt.verbatim import VerbatimReceiver
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import state_of
from switchyard.exchange.guard import guarded
from switchyard.exchange.previous_response import keep
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.secrets import scrubbed
from switchyard.failover.attempt import Attempt
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.relay import Relay


class Streaming:
    """Sets the attempt's stream flag by the provider's policy, and reads its answer.

    `as-asked` leaves the client's wish alone; `default-off` says `stream: false` where the client
    said nothing (some APIs stream by default); `force-on` and `force-off` decide for the upstream,
    and the client still gets what it asked for.
    """

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges, state: State) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._state = state

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        state = state_of(attempt)
        if state is None or attempt.answer:
            return
        exchange, call, upstream = state.exchange, state.call, state.upstream_format
        assert upstream
        own = state.target.kind == "passthrough"
        receiver = VerbatimReceiver if own else RelayReceiver
        if call.operation is not None:
            state.relay = OperationRelay(call.operation, upstream, self._snapshots.current.bounds)
            attempt.receiver = receiver(state, state.relay, self._succeeded)
            return
        policy = state.target.provider.stream
        state.upstream_streams = upstream_streams(policy, call.streams)
        state.says_stream = policy != "as-asked"
        asked = call.asked
        if not state.passes_through:
            asked = replace(asked, conversation=call.conversation)
        if exchange.plan and exchange.plan.continue_streams and call.streams:
            exchange.continuation = exchange.continuation or Continuation()
        state.relay = Relay(
            upstream,
            call.format,
            call.streams,
            asked,
            exchange.continuation,
            exchange.committed_relay,
            self._snapshots.current.bounds,
            redact=partial(scrubbed, state),
        )
        attempt.receiver = receiver(state, state.relay, self._succeeded, self._completed)

    def _succeeded(self, state: AttemptState) -> None:
        """Its first output clears a target: others need not wait until the answer is complete."""
        exchange = state.exchange
        if isinstance(state.relay, Relay):
            exchange.committed_relay = exchange.committed_relay or state.relay
        exchange.win(state)
        if exchange.trail and not state.judged:
            exchange.trail.succeeded(state.chosen, time.monotonic())

    def _completed(self, state: AttemptState) -> None:
        """Kept before the client sees the end: it may go on from it at once."""
        exchange = state.exchange
        if self._exchanges.get(state.call.flow) is exchange and exchange.winner is state:
            keep(self._state.conversations, state)


def upstream_streams(policy: str, wish: bool) -> bool:
    """Whether the upstream shall stream, given what the client wishes."""
    return {"force-on": True, "force-off": False}.get(policy, wish)
