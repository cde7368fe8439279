"""Classifies the failure of an attempt."""

from collections.abc import Mapping
from urllib.parse import unquote
from urllib.parse import urlsplit

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.http_messages import lower_items
from switchyard.failover.attempt import AttemptFailure
from switchyard.policy.client_words import ClientWords
from switchyard.policy.failures import Seen
from switchyard.policy.failures import SeenKind
from switchyard.policy.told_reach import told_reach
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from switchyard.wire.outcome import Problem

_TOLD_KINDS = ("status", "body", "event")


def what_went_wrong(failure: AttemptFailure, problem: Problem | None) -> ApiError:
    """Returns the error that ended an attempt: the upstream's or our own."""
    if problem is not None and (failure.kind == "answer" or _is_told(problem)):
        return problem.error
    kind: ErrorKind = "timeout" if failure.kind == "timeout" else "unavailable"
    return ApiError(message=failure.message, kind=kind)


def see(
    state: AttemptState,
    failure: AttemptFailure,
    problem: Problem | None,
    error: ApiError,
    after_output: bool,
) -> Seen:
    """Returns a failed attempt as the failure table describes failures."""
    kind: SeenKind
    status: int | None = None
    if failure.kind == "answer" or _is_told(problem):
        kind = problem.kind if problem else "malformed"
        status = problem.status if problem else None
    elif failure.phase == "connect":
        kind = "connect"
    else:
        kind = failure.kind
    provider = state.target.provider
    format = state.upstream_format.name if state.upstream_format else ""
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
        reach=told_reach(error.raw, error.message, _headers(state)),
        client=_words_of(state),
    )


def _is_told(problem: Problem | None) -> bool:
    """Whether the response itself told an error.

    That is the failure then, also where the body stalled or broke off: a status says what the end
    of its connection does not.
    """
    return problem is not None and problem.kind in _TOLD_KINDS


def _headers(state: AttemptState) -> Mapping[str, str]:
    return lower_items(state.upstream_headers) if state.upstream_headers else {}


def _words_of(state: AttemptState) -> ClientWords:
    """Returns the text that the client wrote, also as it was sent upstream."""
    head = state.call.head
    values = [piece.strip() for value in head.headers.values() for piece in value.split(",")]
    path = unquote(head.path).replace("?", "/").replace("&", "/").split("/")
    names = [state.call.model, state.target.model]
    return ClientWords(state.call.parsed, state.upstream_body, names, values, path)


def _reasons(body: JsonObject) -> tuple[str, ...]:
    """Returns the reasons of a Google API error (google.rpc.ErrorInfo).

    Google reports a bad key with status 400 and the reason `API_KEY_INVALID`.
    """
    error = body.get("error")
    details = error.get("details") if isinstance(error, dict) else None
    details = details if isinstance(details, list) else []
    found = (one.get("reason") for one in details if isinstance(one, dict))
    return tuple(reason for reason in found if isinstance(reason, str))


def passed_on(body: JsonObject) -> str:
    """Returns the error of the provider behind an aggregator.

    Source: OpenRouter API reference, "Errors" (`error.metadata.raw`).
    """
    error = body.get("error")
    metadata = error.get("metadata") if isinstance(error, dict) else None
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return raw if isinstance(raw, str) else ""
