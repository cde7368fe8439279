"""Defines errors without any format's words."""

from dataclasses import dataclass
from dataclasses import field
from typing import Literal

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.overflow import Overflow

type ErrorKind = Literal[
    "invalid_request",
    "authentication",
    "permission",
    "billing",
    "not_found",
    "timeout",
    "too_large",
    "rate_limit",
    "overloaded",
    "server",
    "unavailable",
]

STATUS: dict[ErrorKind, int] = {
    "invalid_request": 400,
    "authentication": 401,
    "billing": 402,
    "permission": 403,
    "not_found": 404,
    "timeout": 408,
    "too_large": 413,
    "rate_limit": 429,
    "overloaded": 503,
    "server": 500,
    "unavailable": 502,
}
"""The HTTP status of an error for which none was given."""

KIND_OF_STATUS: dict[int, ErrorKind] = {
    400: "invalid_request",
    401: "authentication",
    402: "billing",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    422: "invalid_request",
    429: "rate_limit",
    502: "unavailable",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


def kind_of_status(status: int) -> ErrorKind:
    """Return the kind of error of an HTTP status, for bodies without one."""
    if kind := KIND_OF_STATUS.get(status):
        return kind
    return "invalid_request" if 400 <= status < 500 else "server"


class BadRequest(ValueError):
    """The client's request breaks the rules of its own format.

    The message shows the client what to fix; `param` names the offending field, dotted.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class BadReply(ValueError):
    """An upstream's answer is no answer of the format it is meant to speak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiError:
    """One error, read from an upstream or about to go to a client."""

    message: str
    kind: ErrorKind = "server"
    status: int | None = None
    """HTTP status; None for an error met inside a 200, or to be chosen from `kind`."""
    type: str | None = None
    """The upstream's own word for the type of error."""
    code: str | None = None
    """The upstream's own code, numbers turned into text."""
    param: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    """Seconds until another try makes sense."""
    overflow: Overflow | None = None
    """How far the prompt goes beyond the model's limit, where that is what is wrong: clients
    compact their conversation only at their own API's words for it."""
    format: str = ""
    raw: JsonObject = field(default=EMPTY)
    """The error body as the format `format` wrote it."""
    attempts: tuple[JsonObject, ...] = ()
    """What was tried, for the client's information: provider, model, status, reason."""

    @property
    def http_status(self) -> int:
        return self.status if self.status and self.status >= 400 else STATUS[self.kind]
