"""Makes hooks fail closed: an exception ends the request instead of passing it on.

mitmproxy logs an exception from a hook and goes on: the request would leave unchanged, with the
client's credential, to the address the client dialled. Every hook that decides over a request is
therefore wrapped, and an exception becomes an error response in the client's wire format.
"""

import functools
import inspect
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from mitmproxy import http

from switchyard.exchange.endpoints import format_of_client
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.responses import error_response
from switchyard.exchange.responses import for_method
from switchyard.failover.attempt import Attempt
from switchyard.redaction.text import redact
from switchyard.values.log_marks import OF_A_REQUEST
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest

logger = logging.getLogger(__name__)

REFUSED = ":no_entry:"
"""Marks a flow that the router answers with an error before it becomes a call."""


class Refused(Exception):
    """Ends a request with this error.

    Hooks raise it; their guard sends it to the client.
    """

    def __init__(self, error: ApiError, headers: dict[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.headers = headers or {}


def guarded(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a `request`, `attempt` or `attempt_ended` hook so that it fails closed.

    Refused and BadRequest become the client's answer; everything else is an internal error. A hook
    that is no coroutine function may still return an awaitable.
    """
    if inspect.iscoroutinefunction(hook):

        @functools.wraps(hook)
        async def guarded_async(self: Any, subject: Any) -> None:
            try:
                await hook(self, subject)
            except Exception as e:
                refuse(subject, e)

        return guarded_async

    if (of_requests := _of_requests.get(hook)) is not None:
        return _guarded_on_request(of_requests)
    if (of_attempts := _of_attempts.get(hook)) is not None:
        return _guarded_on_attempt(of_attempts)

    @functools.wraps(hook)
    def guarded_sync(self: Any, subject: Any) -> Awaitable[None] | None:
        try:
            rest = hook(self, subject)
        except Exception as e:
            refuse(subject, e)
            return None
        return None if rest is None else _guard(rest, subject)

    return guarded_sync


# Both wrappers in one: nearly all guarded hooks have both, and each of them costs a call.


def _guarded_on_request(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Does the work of `guarded(on_request(hook))`."""

    @functools.wraps(hook)
    def guarded_on_request(self: Any, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if flow.response is not None or flow.error is not None or not flow.live:
            return None
        try:
            rest = hook(self, flow)
        except Exception as e:
            refuse(flow, e)
            return None
        return None if rest is None else _guard(rest, flow)

    return guarded_on_request


def _guarded_on_attempt(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Does the work of `guarded(on_attempt(hook))`."""

    @functools.wraps(hook)
    def guarded_on_attempt(self: Any, attempt: Attempt) -> Awaitable[None] | None:
        state = attempt.context
        if type(state) is not AttemptState or attempt.answer is not None:
            return None
        try:
            rest = hook(self, attempt, state)
        except Exception as e:
            refuse(attempt, e)
            return None
        return None if rest is None else _guard(rest, attempt)

    return guarded_on_attempt


_of_requests: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What `on_request` wraps, by what it makes of it."""
_of_attempts: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What `on_attempt` wraps, by what it makes of it."""


def on_request(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a `request` hook to skip requests that are answered or abandoned."""

    @functools.wraps(hook)
    def called(self: Any, flow: http.HTTPFlow) -> Any:
        if flow.response is not None or flow.error is not None or not flow.live:
            return None  # as `is_over`, without a call
        return hook(self, flow)

    _of_requests[called] = hook
    return called


def is_over(flow: http.HTTPFlow) -> bool:
    """Whether a request has its answer, or its client is gone."""
    return flow.response is not None or flow.error is not None or not flow.live


def on_attempt(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps an `attempt` hook to receive the attempt's state as well.

    The hook is not called for an attempt that sends nothing.
    """

    @functools.wraps(hook)
    def called(self: Any, attempt: Attempt) -> Any:
        state = attempt.context  # as `state_of`, without a call
        if type(state) is not AttemptState or attempt.answer is not None:
            return None
        return hook(self, attempt, state)

    _of_attempts[called] = hook
    return called


async def _guard(rest: Awaitable[None], subject: http.HTTPFlow | Attempt) -> None:
    try:
        await rest
    except Exception as e:
        refuse(subject, e)


def refuse(subject: http.HTTPFlow | Attempt, problem: Exception) -> None:
    """Answers a flow, or ends an attempt, with an error for `problem`.

    Refused gives its own error; BadRequest and a request nested too deeply give the client's
    mistake (400); every other exception gives an internal error.
    """
    flow = subject.flow if isinstance(subject, Attempt) else subject
    headers: dict[str, str] = {}
    if isinstance(problem, Refused):
        error, headers = problem.error, problem.headers
    elif isinstance(problem, BadRequest):
        error = ApiError(message=str(problem), kind="invalid_request", param=problem.param)
    elif isinstance(problem, RecursionError):
        # Only JSON sent by the client can be nested deeply enough.
        error = ApiError(message="The request's JSON is nested too deeply.", kind="invalid_request")
    else:
        # The text of an unforeseen exception may contain keys, so only the log has it.
        logger.error(
            "switchyard: internal error while handling %s %s",
            flow.request.method,
            flow.request.path.partition("?")[0],
            exc_info=problem,
            extra=OF_A_REQUEST,
        )
        error = ApiError(
            message=f"Switchyard failed with an internal error ({type(problem).__name__}). "
            "The failing step sent no request to a provider; see the router's log.",
            kind="server",
        )
    answer = error_response(format_of_client(flow.request), error, headers)
    if isinstance(subject, Attempt):
        subject.wipe()
        subject.again = False
        subject.answer = answer
    else:
        flow.response = for_method(answer, flow.request.method)
        # A dump cannot store lone surrogates, and must not contain a key.
        said = redact(error.message.encode("utf-8", "replace").decode())
        flow.comment = f"refused: {flow.response.status_code} {said}"
        flow.marked = REFUSED
