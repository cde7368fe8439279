"""Judges each attempt: commit, next key, next member, or give up with the most telling error."""

import time
from dataclasses import replace
from urllib.parse import unquote
from urllib.parse import urlsplit

from mitmproxy import http

from addons.confidential import concealer_of
from addons.exchange import Exchange
from addons.exchange import FailedAttempt
from addons.failover.attempt import Attempt
from addons.failover.attempt import Failure
from addons.giving_up import own_answer
from addons.guard import guarded
from addons.messages import lower_items
from addons.passthrough import is_renewable
from addons.policy.client_words import ClientWords
from addons.policy.failures import Kind
from addons.policy.failures import Seen
from addons.policy.retry_after import earliest_retry
from addons.runtime import Runtime
from addons.wire.errors import ApiError
from addons.wire.errors import ErrorKind
from addons.wire.jsonio import JsonObject
from addons.wire.verdict import Problem


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
                self._record(exchange, Failure("answer", relay.problem.error.message), True)
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

    def _record(self, exchange: Exchange, failure: Failure, after_output: bool = False) -> None:
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


def what_went_wrong(failure: Failure, problem: Problem | None) -> ApiError:
    """The error an attempt ended with: the upstream's own, or what was seen of it."""
    if failure.kind == "answer" and problem is not None:
        return problem.error
    kind: ErrorKind = "timeout" if failure.kind == "timeout" else "unavailable"
    return ApiError(message=failure.message, kind=kind)


def see(
    exchange: Exchange,
    failure: Failure,
    problem: Problem | None,
    error: ApiError,
    after_output: bool,
) -> Seen:
    """A failed attempt in the words of the failure table."""
    assert exchange.target
    kind: Kind
    status: int | None = None
    if failure.kind == "answer":
        kind = problem.kind if problem else "malformed"
        status = problem.status if problem else None
    elif failure.phase == "connect":
        kind = "connect"
    else:
        kind = failure.kind
    provider = exchange.target.provider
    format = exchange.upstream_format.name if exchange.upstream_format else ""
    return Seen(
        kind=kind,
        status=status,
        type=error.type,
        code=error.code,
        reasons=_reasons(error.raw),
        message=error.message,
        detail=passed_on(error.raw),
        after_output=after_output,
        provider=provider.name,
        host=urlsplit(provider.url_for(format)).hostname or "",
        format=format,
        client=_words_of(exchange),
    )


def _words_of(exchange: Exchange) -> ClientWords:
    """What the client wrote, also as it was sent on."""
    assert exchange.target
    head = exchange.head
    values = [piece.strip() for value in head.headers.values() for piece in value.split(",")]
    path = unquote(head.path).replace("?", "/").replace("&", "/").split("/")
    names = [exchange.model, exchange.target.model]
    return ClientWords(exchange.parsed, exchange.upstream_body, names, values, path)


def _reasons(body: JsonObject) -> tuple[str, ...]:
    """The reasons of an error of Google's APIs (google.rpc.ErrorInfo), such as a bad key's, which
    comes with a 400."""
    error = body.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    details = details if isinstance(details, list) else []
    found = (one.get("reason") for one in details if isinstance(one, dict))
    return tuple(reason for reason in found if isinstance(reason, str))


def passed_on(body: JsonObject) -> str:
    """The error of the provider behind a provider that passes errors on (OpenRouter's reference,
    "Errors": `error.metadata.raw`)."""
    error = body.get("error")
    metadata = error.get("metadata") if isinstance(error, dict) else None
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else ""


def scrubbed(exchange: Exchange, error: ApiError) -> ApiError:
    """An error without any key or secret header that is configured, nor the client's own: providers
    quote what they were sent, and one may have been sent on by another."""
    secrets = concealer_of(exchange)
    raw = str(error.raw) if error.raw else ""
    if secrets.text(error.message) == error.message and secrets.text(raw) == raw:
        return error

    def masked(text: str | None) -> str | None:
        return text and secrets.text(text)

    return replace(
        error,
        message=masked(error.message) or "",
        type=masked(error.type),
        code=masked(error.code),
        param=masked(error.param),
        request_id=masked(error.request_id),
        raw={},
    )
