"""Judges whether an upstream's response is a valid one, and why not."""

from dataclasses import dataclass
from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.bodies import parse_body
from switchyard.wire.encoding.bodies import words_of
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import kind_of_status

_SAYS_WHY = {
    *("length", "stop_sequence", "content_filter", "refusal", "pause", "compaction"),
    "context_window",
}
"""Stop reasons that make an answer without a word a proper one."""

type ProblemKind = Literal["status", "body", "event", "empty", "cut", "malformed"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a response is a failure.

    `status`: the HTTP status is an error; `body`, `event`: a 200 whose body or stream reports an
    error; `empty`: a valid response without output; `cut`: it ended too early; `malformed`: it
    is not of the upstream's format at all.
    """

    kind: ProblemKind
    error: ApiError
    status: int


def is_empty(spoke: bool, stop: Stop | None, usage: Usage | None) -> bool:
    """Whether a complete response has no output (`spoke`) and no reason for that.

    A response that ended properly and whose usage counts output had it in a way not shown (hidden
    reasoning).
    """
    if spoke or (stop and stop.reason in _SAYS_WHY):
        return False
    return stop is None or not (usage and usage.output)


def refusal_of(upstream: Format, status: int, raw: bytes) -> ApiError:
    """Return the error of a response with an error's status; `raw` is its body."""
    body = parse_body(raw)
    error = upstream.find_error(body) if body is not None else None
    if error is None:
        message = words_of(raw) or f"the upstream answered with status {status}"
        return ApiError(message=message, kind=kind_of_status(status), status=status)
    if error.status is None and error.kind == "server" and status < 500:
        # A body without a type (Azure, Bedrock) leaves it to the status.
        return altered(error, kind=kind_of_status(status), status=status)
    return error
