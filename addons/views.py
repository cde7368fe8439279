"""What mitmproxy's own interfaces show of an exchange."""

import time

from mitmproxy import contentviews
from mitmproxy import http
from mitmproxy.addonmanager import Loader

from addons.contentview import Conversation
from addons.runtime import Runtime

_LONGEST_NAME = 100


class Views:
    """Writes the route taken into the flow's comment and marks what failed.

    The comment reads `my-stack: cc 429 -> glm ok, 2 attempts, 1.2 s`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def load(self, loader: Loader) -> None:
        contentviews.add(Conversation)

    def response(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def _annotate(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None:
            return
        took = time.monotonic() - exchange.started
        steps = exchange.steps()
        count = f"{exchange.attempts} attempt{'' if exchange.attempts == 1 else 's'}"
        flow.comment = f"{_one_line(exchange.model)}: {' -> '.join(steps)}, {count}, {took:.1f} s"
        if not exchange.answered:
            flow.marked = ":red_circle:"
        elif exchange.attempts > 1:
            flow.marked = ":large_orange_circle:"


def _one_line(model: str) -> str:
    """A model's name as a dump can hold it; clients may send anything."""
    line = " ".join(model.encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
