"""Judges each attempt: commit, next key, next member, or give up."""

import time

from mitmproxy import http

from switchyard.accounts.accounts import Accounts
from switchyard.attempt.exhausted import own_answer
from switchyard.attempt.failure import see
from switchyard.attempt.failure import what_went_wrong
from switchyard.attempt.passthrough import is_renewable
from switchyard.attempt.remedying import helps
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import state_of
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.guard import guarded
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.secrets import scrubbed
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict
from switchyard.policy.retry_after import LONGEST
from switchyard.policy.retry_after import LONGEST_BUSY
from switchyard.policy.retry_after import earliest_retry
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.values.records import altered


class Fallback:
    """Reports the outcome of each attempt to the trail.

    A failure before output is judged in `attempt_ended`. One after output, which the client's
    stream already contains, is judged when the exchange is over.
    """

    def __init__(
        self, snapshots: Snapshots, exchanges: Exchanges, state: State, accounts: Accounts
    ) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._state = state
        self._accounts = accounts

    @guarded
    def attempt_ended(self, attempt: Attempt) -> None:
        state = state_of(attempt)
        if state is None and attempt.answer is not None:
            return  # `ManagementApi` answers its own
        assert state
        exchange = state.exchange
        if attempt.lost:
            self._finish(state)
            return
        assert attempt.failure
        begun = state.relay is not None and state.relay.committed
        told_before = self._was_told(state)
        self._record(state, attempt.failure, after_output=begun)
        last = exchange.failures[-1]
        if last.status == 401 and last.answer and not told_before and is_renewable(state.call):
            # If another member answered, the client would not renew its login.
            attempt.answer = own_answer(exchange, last)
        attempt.again = attempt.answer is None

    def _was_told(self, state: AttemptState) -> bool:
        """Whether the attempt's key has been refused before."""
        status, _ = self._state.health.last_failure(state.chosen.key)
        return status == 401

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None or exchange.trail is None:
            return
        state = exchange.shown
        relay = state.relay if state is not None else None
        if state is not None and not state.judged and relay is not None and relay.committed:
            if relay.problem is not None:
                exchange.broke_off = True
                self._record(state, AttemptFailure("answer", relay.problem.error.message), True)
            else:
                exchange.completed = True
                self._finish(state)
                self._learn(state)
        exchange.trail.abandon(time.monotonic())

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is not None and exchange.trail is not None:
            exchange.trail.abandon(time.monotonic())

    def _finish(self, state: AttemptState) -> None:
        trail = state.exchange.trail
        if state.judged or trail is None:
            return
        usage = state.relay.usage if state.relay else None
        tokens = usage.tokens if usage else 0
        trail.finished(state.chosen, time.monotonic(), tokens)
        state.judged = True

    def _learn(self, state: AttemptState) -> None:
        """Remembers what a model could not be asked for, now that it answered without."""
        if "reasoning" in state.remedies:
            refused, target = self._state.health.refused_wishes, state.target
            refused.note(target.provider.name, target.model or "", time.monotonic())

    def _again(self, state: AttemptState, verdict: Verdict, seen: Seen) -> bool:
        """Whether the same target is tried again without the parts that it cannot read."""
        remedy = verdict.remedy
        if remedy is None or seen.after_output or not helps(state, remedy):
            return False
        exchange, target = state.exchange, state.chosen.target.id
        exchange.remedies = {**exchange.remedies, target: (*state.remedies, remedy)}
        return True

    def _renews(self, state: AttemptState, seen: Seen) -> bool:
        """Whether the same target is tried again with another token of the same source.

        Once in an exchange, and only for 401: what answers 403 refuses whoever holds the token.
        """
        exchange, credential = state.exchange, state.chosen.credential.id
        source = exchange.routes.source(credential) if exchange.routes else None
        if source is None or state.key is None or seen.after_output or seen.told_status != 401:
            return False
        if credential in exchange.renewed:
            return False
        self._accounts.refuse(source, state.key)
        exchange.renewed |= {credential}
        return True

    def _leave_suspended(self, state: AttemptState, seen: Seen) -> None:
        """Has an account left alone that its provider says is suspended."""
        routes, words = state.exchange.routes, [word for word in (seen.code, seen.type) if word]
        source = routes.source(state.chosen.credential.id) if routes and words else None
        if source is not None and state.key is not None:
            self._accounts.suspend(source, state.key, words)

    def _record(
        self, state: AttemptState, failure: AttemptFailure, after_output: bool = False
    ) -> None:
        trail, attempt = state.exchange.trail, state.chosen
        assert trail and not state.judged
        now = time.monotonic()
        problem = state.relay.problem if state.relay else None
        error = scrubbed(state, what_went_wrong(failure, problem))
        seen = see(state, failure, problem, error, after_output)
        verdict = self._snapshots.current.failure_table(state.target.provider).classify(seen)
        assert seen.client is not None
        is_quota = verdict.cls == "quota"
        retry_after = earliest_retry(
            lower_items(state.upstream_headers) if state.upstream_headers else {},
            seen.client.without_any(error.raw) if error.raw else None,
            time.time(),
            LONGEST if is_quota else LONGEST_BUSY,
            limits=is_quota,
        )
        self._leave_suspended(state, seen)
        again = self._renews(state, seen) or self._again(state, verdict, seen)
        trail.failed(attempt, seen, verdict, now, retry_after, again)
        assert attempt.record is not None
        record = trail.records[attempt.record]
        if state.remedies:
            record = altered(record, remedy=", ".join(state.remedies))
        state.exchange.failures.append(
            FailedAttempt(
                record=record,
                kind=seen.kind,
                status=seen.status if seen.kind == "status" else None,
                error=error,
                answer=state.refusal,
                shortfall=state.shortfall,
                remedies=state.remedies,
            )
        )
        state.judged = True
