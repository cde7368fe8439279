"""Writes the client's response when no attempt succeeded."""

from dataclasses import replace

from mitmproxy import http

from switchyard.attempt.headers import route_headers
from switchyard.attempt.headers import stream_head
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.responses import error_response
from switchyard.exchange.responses import error_stream
from switchyard.policy.records import KEPT
from switchyard.policy.records import AttemptRecord
from switchyard.policy.records import most_telling
from switchyard.policy.trail import Exhausted
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.errors import kind_of_status
from switchyard.wire.model.overflow import Overflow
from switchyard.wire.model.overflow import read_overflow
from switchyard.wire.operations.count_tokens import estimate

_AS_IT_IS = ("request", "context-length", "history")
"""Classes whose error is the client's own matter: it gets what the upstream said, a prompt that is
too long in its own API's words."""

_MAY_RETURN_LATER = {429, 502, 503, 504, 529}
"""Statuses that go with `Retry-After`."""


def exhausted_response(exchange: Exchange, end: Exhausted, now: float) -> http.Response:
    """Returns the most telling error in the client's format, with all attempts."""
    assert exchange.trail
    retry_after = None if end.retry_at is None else max(0.0, end.retry_at - now)
    telling = _most_telling(exchange.failures)
    if telling is not None and (answer := own_answer(exchange, telling)) is not None:
        return answer
    if telling is None:
        error = _nothing_tried(exchange, exchange.trail.blocked(now), end, retry_after)
    elif telling.record.cls in _AS_IT_IS:
        error = telling.error
        if error.status is None and telling.status is not None:
            error = replace(error, status=telling.status)
        elif telling.record.cls == "history" and error.http_status >= 500:
            # Met inside a 200, whose code says nothing: no client shall ask the same again.
            error = replace(error, status=400, kind="invalid_request")
        if len(exchange.failures) > 1:
            error = replace(error, attempts=_attempts(exchange))
        if telling.record.cls == "context-length":
            error = _overflown(exchange, telling, error)
    else:
        error = _told_together(exchange, telling, retry_after)
    headers = route_headers(exchange, failed=telling.record if telling else None)
    answer = error_response(exchange.call.format, error, dict(headers))
    return answer if error.overflow is None else _as_asked(exchange.call, answer)


def own_answer(exchange: Exchange, failure: FailedAttempt) -> http.Response | None:
    """Returns the response of the client's own destination, if that is what failed.

    It goes out unchanged, since clients read from its headers when their plan renews.
    """
    if failure.answer is None:
        return None
    answer = failure.answer.copy()
    for name, value in route_headers(exchange, failed=failure.record):
        answer.headers[name] = value
    return answer


def _most_telling(failures: list[FailedAttempt]) -> FailedAttempt | None:
    record = most_telling(failure.record for failure in failures)
    return next((failure for failure in failures if failure.record is record), None)


def _overflown(exchange: Exchange, telling: FailedAttempt, error: ApiError) -> ApiError:
    """The error of a prompt that is too long, with its sizes.

    The provider knows them, or else the configured window and the router's estimate do.
    """
    said = read_overflow(error.message)
    limit = said.limit or _window(exchange, telling)
    tokens = said.tokens
    if tokens is None and limit is not None:
        tokens = max(_estimate(exchange.call, telling.record.model), limit + 1)
    return replace(
        error,
        kind="invalid_request",
        status=400,
        code="context_length_exceeded",
        overflow=Overflow(tokens, limit),
    )


def _window(exchange: Exchange, telling: FailedAttempt) -> int | None:
    """The configured context window of the target that failed, in tokens."""
    record = telling.record
    targets = exchange.plan.targets if exchange.plan else ()
    return next(
        (
            target.context_window
            for target in targets
            if (target.provider.name, target.model) == (record.provider, record.model)
        ),
        None,
    )


def _estimate(call: Call, model: str) -> int:
    """About how many tokens the prompt has; 0 where it cannot be read."""
    try:
        return estimate(call.conversation, model)
    except BadRequest:
        return 0


def _as_asked(call: Call, answer: http.Response) -> http.Response:
    """The error as a stream, for clients that look for it there alone."""
    if not call.streams or not call.format.overflow_in_stream:
        return answer
    stream = http.Response.make(200, error_stream(call.format, call.asked, answer.content or b""))
    for name, value in (*answer.headers.items(), *stream_head(call)):
        if name != "content-length":
            stream.headers[name] = value
    return stream


def _told_together(
    exchange: Exchange, telling: FailedAttempt, retry_after: float | None
) -> ApiError:
    """Returns one error for several attempts, worded like the most telling one."""
    record, status = telling.record, telling.client_status
    did = f"status {telling.status}: " if telling.status is not None else ""
    said = f"provider {record.provider!r}, model {record.model!r}: {did}{telling.error.message}"
    count = len(exchange.failures)
    message = said if count == 1 else f"All {count} attempts failed. Most relevant: {said}"
    if record.cls == "credential":
        message += " (check this provider's api-key in the configuration)"
    return ApiError(
        message=message,
        kind=kind_of_status(status),
        status=status,
        type=telling.error.type,
        code=telling.error.code,
        retry_after=retry_after if status in _MAY_RETURN_LATER else None,
        attempts=_attempts(exchange),
    )


def _nothing_tried(
    exchange: Exchange, blocked: list[AttemptRecord], end: Exhausted, retry_after: float | None
) -> ApiError:
    """Returns the error for a plan whose targets all cool down, are full or kept for others."""
    quota = any(record.cls == "quota" for record in blocked) or end.reason == "busy"
    why = {
        "busy": "every key is at its limit of concurrent requests",
        "deadline": "the deadline for attempts has passed",
    }.get(end.reason, "all are cooling down after failures")
    telling = most_telling(blocked)
    last = ""
    if blocked and all(record.reason == KEPT for record in blocked):
        why = KEPT.replace("its windows", "every key's windows")
    elif telling is not None and telling.reason:
        last = f" Last error of provider {telling.provider!r}: {telling.reason}"
    return ApiError(
        message=f"No provider can serve model {exchange.call.model!r} right now: {why}.{last}",
        kind="rate_limit" if quota else "overloaded",
        status=429 if quota else 503,
        retry_after=retry_after,
        attempts=tuple(record.as_json() for record in blocked),
    )


def _attempts(exchange: Exchange) -> tuple[JsonObject, ...]:
    return tuple(failure.record.as_json() for failure in exchange.failures)
