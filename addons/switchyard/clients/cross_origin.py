"""Lets web pages of named origins read the router's answers (CORS).

A browser asks by a preflight before it sends what no form can send, and shows an answer to a page
only if the answer names the page's origin. Source: Fetch, 3.2 ("HTTP CORS protocol").

Answers never carry `Access-Control-Allow-Credentials`: browsers then send no cookies and show no
answer to a request with them, and client keys come in headers of the page's own.
"""

import re
from collections.abc import Collection

from mitmproxy import http

from switchyard.config.web_access import ANY_ORIGIN

_METHODS = "GET, HEAD, POST, DELETE"
_REMEMBERED = "600"
"""Seconds for which a browser keeps the answer to a preflight."""
_HEADERS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_LONGEST = 4096


def is_preflight(request: http.Request) -> bool:
    """Whether a browser asks what a page of another site may send."""
    headers = request.data.headers
    return (
        request.data.method == b"OPTIONS"
        and "origin" in headers
        and "access-control-request-method" in headers
    )


def allowed_origin(origin: str | None, origins: Collection[str]) -> str | None:
    """Returns what `Access-Control-Allow-Origin` says; None if the page may read nothing.

    `origin` is the value of the request's `Origin`.
    """
    if origin is None:
        return None
    if origin in origins and origin != ANY_ORIGIN:
        return origin
    return ANY_ORIGIN if ANY_ORIGIN in origins else None


def preflight_answer(request: http.Request, allowed: str) -> http.Response:
    """Returns the answer to a preflight of a page whose origin is allowed."""
    asked = request.headers
    answer = http.Response.make(204)
    answer.headers["access-control-allow-methods"] = _METHODS
    answer.headers["access-control-max-age"] = _REMEMBERED
    named = ", ".join(asked.get_all("access-control-request-headers")).strip()
    if named and len(named) <= _LONGEST and _HEADERS.fullmatch(named):
        # The names are repeated, because `*` does not include `authorization`.
        answer.headers["access-control-allow-headers"] = named
    if allowed != ANY_ORIGIN and asked.get("access-control-request-private-network") == "true":
        answer.headers["access-control-allow-private-network"] = "true"
    return answer


def open_to(answer: http.Response, allowed: str | None, origins: Collection[str]) -> None:
    """Names the page's origin in an answer, where it is allowed.

    Answers differ by `Origin` where origins are named, which `Vary` says to caches.
    """
    headers = answer.headers
    for name in [name for name in headers if name.lower().startswith("access-control-allow-o")]:
        del headers[name]
    if allowed is not None:
        headers["access-control-allow-origin"] = allowed
        headers["access-control-expose-headers"] = "*"
    if ANY_ORIGIN not in origins or len(origins) > 1:
        varied = headers.get("vary", "")
        if "origin" not in varied.lower():
            headers["vary"] = f"{varied}, Origin" if varied else "Origin"
