"""A script for mitmdump: a request with `x-test-later: SECONDS` finds prompt caches as they will be
that much later. The router has no part in it."""

from mitmproxy import http

from switchyard.policy.warm_sessions import WarmPlace
from switchyard.policy.warm_sessions import WarmSessions

_find = WarmSessions.find
_later = 0.0


def _find_later(self: WarmSessions, session: tuple[str, str], now: float) -> WarmPlace | None:
    return _find(self, session, now + _later)


def requestheaders(flow: http.HTTPFlow) -> None:
    global _later
    _later = float(flow.request.headers.get("x-test-later", "0"))


WarmSessions.find = _find_later
