"""Judges each attempt: commit, next key, next member, or give up with the most telling error."""

import time

from mitmproxy import http

from switchyard.attempt.exhausted import own_answer
from switchyard.attempt.failure import see
from switchyard.attempt.failure import what_went_wrong
from switchyard.attempt.passthrough import is_renewable
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.guard import guarded
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.secrets import scrubbed
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.policy.retry_after import earliest_retry
from switchyard.runtime import Runtime


class Fallback:
    """Tells the trail what became of each attempt.

    Before output every failure is judged in `attempt_ended`; one after output, which the client
    has been told already by its stream, when the exchange is over.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt_ended(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        assert exchange
        if attempt.lost:
            self._finish(exchange)
            return
        assert attempt.failure
        begun = exchange.relay is not None and exchange.relay.committed
        told_before = self._was_told(exchange)
        self._record(exchange, attempt.failure, after_output=begun)
        last = exchange.failures[-1]
        if last.status == 401 and last.answer and not told_before and is_renewable(exchange):
            # Were another member to answer, the client would never learn to renew its login.
            attempt.answer = own_answer(exchange, last)
        attempt.again = attempt.answer is None

    def _was_told(self, exchange: Exchange) -> bool:
        """Whether the running attempt's key has been refused before."""
        assert exchange.current
        status, _ = self._runtime.health.last_failure(exchange.current.key)
        return status == 401

    def response(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None or exchange.trail is None:
            return
        relay = exchange.relay
        if exchange.current is not None and relay is not None and relay.committed:
            if relay.problem is not None:
                exchange.broke_off = True
                self._record(exchange, AttemptFailure("answer", relay.problem.error.message), True)
            else:
                exchange.answered = True
                self._finish(exchange)
        exchange.trail.abandon(time.monotonic())

    def error(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is not None and exchange.trail is not None:
            exchange.trail.abandon(time.monotonic())

    def _finish(self, exchange: Exchange) -> None:
        if exchange.current is None or exchange.trail is None:
            return
        usage = exchange.relay.usage if exchange.relay else None
        tokens = usage.tokens if usage else 0
        exchange.trail.finished(exchange.current, time.monotonic(), tokens)
        exchange.current = None

    def _record(
        self, exchange: Exchange, failure: AttemptFailure, after_output: bool = False
    ) -> None:
        assert exchange.target and exchange.trail and exchange.current
        now = time.monotonic()
        problem = exchange.relay.problem if exchange.relay else None
        error = scrubbed(exchange, what_went_wrong(failure, problem))
        seen = see(exchange, failure, problem, error, after_output)
        verdict = self._runtime.table_of(exchange.target.provider).classify(seen)
        assert seen.client is not None
        retry_after = earliest_retry(
            lower_items(exchange.upstream_headers) if exchange.upstream_headers else {},
            seen.client.without_any(error.raw) if error.raw else None,
            time.time(),
            limits=verdict.cls == "quota",
        )
        attempt = exchange.current
        exchange.trail.failed(attempt, seen, verdict, now, retry_after)
        assert attempt.record is not None
        exchange.failures.append(
            FailedAttempt(
                record=exchange.trail.records[attempt.record],
                kind=seen.kind,
                status=seen.status if seen.kind == "status" else None,
                error=error,
                answer=exchange.refusal,
            )
        )
        exchange.current = None
