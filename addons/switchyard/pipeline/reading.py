"""Prepares the reading of each attempt's response."""

import time
from collections.abc import Sequence
from functools import partial
from weakref import ref

from switchyard.attempt.background import BackgroundReceiver
from switchyard.attempt.background import begins_run
from switchyard.attempt.body import has_called
from switchyard.attempt.body import hides_usage
from switchyard.attempt.body import stages_of
from switchyard.attempt.compaction import COMPACTED
from switchyard.attempt.compaction import note_compaction
from switchyard.attempt.given_back import keep_notes
from switchyard.attempt.given_back import notes_of
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
from switchyard.values.records import altered
from switchyard.wire.format import Format
from switchyard.wire.model.errors import ApiError
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.relay.continuation import Continuation
from switchyard.wire.relay.relay import Relay
from switchyard.wire.relay.stage import Stage
from switchyard.wire.translate.cache_life import cache_life
from switchyard.wire.translate.think_tag import ThinkingTag


class Reading:
    """Gives every attempt that is sent its relay, and the receiver that drives it.

    The stages of the response depend on the body that is sent, so this addon follows `Sending`.
    """

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
            relay = call.operation.relay(upstream, self._snapshots.current.bounds)
            state.relay = relay
            receiver = VerbatimReceiver if own else ServiceReceiver
            attempt.receiver = receiver(state, relay, self._succeeded)
            return
        if state.operation is not None:
            state.relay = OperationRelay(state.operation, upstream, self._snapshots.current.bounds)
            attempt.receiver = receiver(state, state.relay, self._succeeded)
            return
        asked = call.asked
        if not state.passes_through or state.summarises:
            asked = altered(asked, conversation=call.conversation)
        elif not own:
            asked = altered(asked, taken=partial(has_called, call))
        if hides_usage(state):
            asked = altered(asked, hides_usage=True)
        if exchange.plan and exchange.plan.continue_streams and call.streams:
            exchange.continuation = exchange.continuation or Continuation()
        state.notes = notes_of(self._snapshots.current.adjustments, state, upstream)
        state.relay = Relay(
            upstream,
            call.format if call.operation is None else COMPACTED,
            call.streams,
            asked,
            exchange.continuation,
            exchange.committed_relay,
            self._snapshots.current.bounds,
            self._stages(state, upstream),
            partial(_in_stream, ref(state)),
            state.notes,
            self._rejects_refusals(state),
        )
        if (
            own
            and exchange.trail
            and not exchange.trail.has_another(state.chosen, time.monotonic())
        ):
            # The client understands its own provider's answers, and gets them unchanged.
            state.relay.outcome.judges_ends = False
        if not own and state.passes_through and begins_run(call.body, upstream):
            receiver = BackgroundReceiver
        attempt.receiver = receiver(state, state.relay, self._succeeded, self._completed)

    def _rejects_refusals(self, state: AttemptState) -> bool:
        """Whether a refusal of this attempt's model passes the request to another member.

        The refusal of the last member is the client's answer, and so is one that continues an
        answer.
        """
        exchange = state.exchange
        if exchange.plan is None or not exchange.plan.fallback_on_refusal or state.continues:
            return False
        assert exchange.trail
        return exchange.trail.has_another(state.chosen, time.monotonic())

    def _stages(self, state: AttemptState, upstream: Format) -> Sequence[Stage]:
        """Returns the stages of the response; none at the client's own destination."""
        if state.sent_body is None:
            return ()
        adjustments = self._snapshots.current.adjustments
        tag = adjustments.thinking_tag(state.target, upstream.name)
        thinking = ThinkingTag(tag, adjustments.thinking_opened(state.target)) if tag else None
        in_text = adjustments.tool_calls_as_text(state.target)
        return stages_of(state, state.sent_body, thinking, in_text)

    def _succeeded(self, state: AttemptState) -> None:
        """Clears a target at its first output, before the answer is complete."""
        exchange = state.exchange
        if isinstance(state.relay, Relay):
            exchange.committed_relay = exchange.committed_relay or state.relay
        exchange.win(state)
        if state.operation is not None:
            maker = self._snapshots.current.adjustments.maker(state.target)
            note_compaction(self._state.proofs, maker, state)
        if exchange.trail and not state.judged:
            now = time.monotonic()
            exchange.trail.succeeded(state.chosen, now)
            if exchange.trail.warm is not None and state.operation is None:
                exchange.trail.cached(
                    state.chosen, now, cache_life(state.sent_body or state.upstream_body)
                )

    def _completed(self, state: AttemptState) -> None:
        """Keeps the conversation before the client sees the end and may continue it."""
        exchange = state.exchange
        if self._exchanges.get(state.call.flow) is exchange and exchange.winner is state:
            keep(self._state.conversations, state)
            keep_notes(
                self._state.proofs,
                self._state.thinking,
                self._snapshots.current.adjustments,
                state,
            )


def _in_stream(attempt: "ref[AttemptState]", error: ApiError) -> ApiError:
    """Returns an error that ends a client's stream, with its provider and no secrets."""
    state = attempt()
    assert state is not None, "the receiver of a stream has its attempt"
    safe = scrubbed(state, error)
    provider, model = state.target.provider.name, state.target.model or state.call.model
    return altered(safe, message=f"provider {provider!r}, model {model!r}: {safe.message}")
