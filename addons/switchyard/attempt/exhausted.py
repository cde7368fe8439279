"""Writes the client's response when no attempt succeeded."""

from dataclasses import replace

from mitmproxy import http

from switchyard.attempt.headers import route_headers
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.responses import error_response
from switchyard.policy.records import AttemptRecord
from switchyard.policy.records import most_telling
from switchyard.policy.trail import Exhausted
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import kind_of_status

_AS_IT_IS = ("request", "context-length")
"""Classes whose error is the client's own matter: it gets what the upstream said, unchanged."""

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
        if len(exchange.failures) > 1:
            error = replace(error, attempts=_attempts(exchange))
    else:
        error = _told_together(exchange, telling, retry_after)
    headers = route_headers(exchange, failed=telling.record if telling else None)
    return error_response(exchange.call.format, error, dict(headers))


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
    """Returns the error for a plan whose targets are all cooling down or full."""
    quota = any(record.cls == "quota" for record in blocked) or end.reason == "busy"
    why = {
        "busy": "every key is at its limit of concurrent requests",
        "deadline": "the deadline for attempts has passed",
    }.get(end.reason, "all are cooling down after failures")
    telling = most_telling(blocked)
    last = ""
    if telling is not None and telling.reason:
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
