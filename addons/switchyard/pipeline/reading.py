"""Reads the answer of each attempt."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from switchyard.attempt.body import stages_of
from switchyard.attempt.receiver import RelayReceiver
from switchyard.attempt.service import ServiceReceiver
from switchyard.attempt.verbatim import VerbatimReceiver
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_attempt
from switchyard.exchange.previous_response import keep
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.secrets import scrubbed
from switchyard.failover.attempt import Attempt
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.wire.format import Format
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.operations.service import ServiceRelay
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.relay import Relay
from switchyard.wire.relay.stage import Stage


class Reading:
    """Gives every attempt that is sent what reads its answer: a relay, and the receiver that drives
    it. What the answer goes through depends on the body that is sent, so this comes after
    `Sending`."""

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges, state: State) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._state = state

    @guarded
    @on_attempt
    def attempt(self, attempt: Attempt, state: AttemptState) -> None:
        exchange, call, upstream = state.exchange, state.call, state.upstream_format
        assert upstream
        own = state.target.kind == "passthrough"
        receiver = VerbatimReceiver if own else RelayReceiver
        if isinstance(call.operation, ServiceCall):
            state.relay = ServiceRelay(call.operation, upstream, self._snapshots.current.bounds)
            receiver = VerbatimReceiver if own else ServiceReceiver
            attempt.receiver = receiver(state, state.relay, self._succeeded)
            return
        if call.operation is not None:
            state.relay = OperationRelay(call.operation, upstream, self._snapshots.current.bounds)
            attempt.receiver = receiver(state, state.relay, self._succeeded)
            return
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
            self._stages(state, upstream),
            partial(scrubbed, state),
        )
        attempt.receiver = receiver(state, state.relay, self._succeeded, self._completed)

    def _stages(self, state: AttemptState, upstream: Format) -> Sequence[Stage]:
        """What the answer goes through; nothing at the client's own destination."""
        if state.sent_body is None:
            return ()
        tag = self._snapshots.current.adjustments.thinking_tag(state.target, upstream.name)
        return stages_of(state, state.sent_body, tag)

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
