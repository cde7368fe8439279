"""Builds the problems that the management API answers with (RFC 9457)."""

from http import HTTPStatus

from mitmproxy import http

from switchyard.wire.encoding.jsonio import dumps

PROBLEM_TYPE = "application/problem+json"


class Barred(Exception):
    """A request that does not reach the management API."""

    def __init__(self, status: int, detail: str, *, wrong_key: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.wrong_key = wrong_key
        """Whether it has a key that is none; the next such refusal takes longer."""


def problem_members(status: int, detail: str) -> dict[str, object]:
    """Returns the members of a problem; `error` repeats it for clients of CLIProxyAPI."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
    }


def problem_response(status: int, detail: str) -> http.Response:
    """Returns a complete response with a problem."""
    headers = {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return http.Response.make(status, dumps(problem_members(status, detail)), headers)
