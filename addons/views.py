"""What mitmproxy's own interfaces show of an exchange."""

import time

from mitmproxy import http

from addons.intake import client_credential
from addons.runtime import Runtime

_MASK = "***"
_CREDENTIAL_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


class Views:
    """Writes the route taken into the flow's comment, marks what failed, and masks credentials.

    The comment reads `my-stack: cc 429 -> glm ok, 2 attempts, 1.2 s`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def response(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def _annotate(self, flow: http.HTTPFlow) -> None:
        runtime = self._runtime
        exchange = runtime.exchanges.get(flow)
        if exchange is None and not runtime.is_own(flow):
            return
        mask_credentials(flow.request)
        if exchange is None:
            return
        took = time.monotonic() - exchange.started
        steps = exchange.steps()
        count = f"{exchange.attempts} attempt{'' if exchange.attempts == 1 else 's'}"
        flow.comment = f"{exchange.model}: {' -> '.join(steps)}, {count}, {took:.1f} s"
        if not exchange.answered:
            flow.marked = ":red_circle:"
        elif exchange.attempts > 1:
            flow.marked = ":large_orange_circle:"


def mask_credentials(request: http.Request) -> None:
    """Take the client's credential out of a request that is over."""
    if client_credential(request) is None and "cookie" not in request.headers:
        return
    headers = request.headers
    if "authorization" in headers:
        scheme = headers["authorization"].partition(" ")[0]
        headers["authorization"] = f"{scheme} {_MASK}"
    for name in _CREDENTIAL_HEADERS:
        if name in headers:
            headers[name] = _MASK
    if "key" in request.query:
        request.query["key"] = _MASK
