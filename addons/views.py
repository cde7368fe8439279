"""What mitmproxy's own interfaces show of an exchange."""

import time
from collections.abc import Iterator

from mitmproxy import contentviews
from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.addonmanager import Loader

from addons.contentview import Conversation
from addons.exchange import Exchange
from addons.recording import FACTS
from addons.runtime import Runtime
from addons.wire.jsonio import JsonObject

_LONGEST_NAME = 100
_COLUMNS = "web_columns"


class Views:
    """Writes the route taken into the flow's comment and marks what failed.

    The comment reads `my-stack: cc 429 -> glm ok, 2 attempts, 1.2 s, openai-chat for anthropic,
    1,234 tokens in, 56 out`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def load(self, loader: Loader) -> None:
        contentviews.add(Conversation)
        if _COLUMNS in ctx.options and ctx.options.web_columns == ctx.options.default(_COLUMNS):
            # mitmweb has a column for the comment, but does not show it.
            columns = [name for name in ctx.options.web_columns if name != "method"]
            columns.insert(columns.index("path") + 1, "comment")
            ctx.options.update(web_columns=columns)

    def response(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def _annotate(self, flow: http.HTTPFlow) -> None:
        exchange = self._runtime.exchanges.get(flow)
        if exchange is None:
            return
        facts = [
            " -> ".join(exchange.steps()),
            f"{exchange.attempts} attempt{'' if exchange.attempts == 1 else 's'}",
            f"{time.monotonic() - exchange.started:.1f} s",
            *_particulars(exchange),
        ]
        flow.metadata[FACTS] = _facts(exchange)
        flow.comment = f"{_one_line(exchange.model)}: {', '.join(facts)}"
        if not exchange.answered:
            flow.marked = ":red_circle:"
        elif exchange.attempts > 1:
            flow.marked = ":orange_circle:"


def _particulars(exchange: Exchange) -> Iterator[str]:
    """What only some answers have: another format behind them, and what they took."""
    upstream = exchange.upstream_format
    if not exchange.answered:
        return
    if upstream is not None and upstream.name != exchange.format.name:
        yield f"{upstream.name} for {exchange.format.name}"
    usage = exchange.relay.usage if exchange.relay is not None else None
    if usage is not None and (usage.input or usage.output):
        yield f"{usage.input or 0:,} tokens in"
        yield f"{usage.output or 0:,} out"


def _facts(exchange: Exchange) -> JsonObject:
    """What is known of a call, as dumps, exports and logs have it: plain data without secrets."""
    target, upstream = exchange.target, exchange.upstream_format
    usage = exchange.relay.usage if exchange.relay is not None else None
    facts: JsonObject = {
        "model": _one_line(exchange.model),
        "format": exchange.format.name,
        "stream": exchange.streams,
        "answered": exchange.answered,
        "route": exchange.steps(),
        "dropped": list(exchange.dropped),
    }
    if exchange.answered and target is not None:
        facts["provider"] = target.provider.name
        facts["provider-model"] = _one_line(target.model)
        facts["provider-format"] = upstream.name if upstream is not None else None
    if exchange.answered and usage is not None:
        facts["tokens"] = {
            name: count
            for name in ("input", "output", "cache_read", "cache_write", "reasoning")
            if (count := getattr(usage, name)) is not None
        }
    return facts


def _one_line(model: str) -> str:
    """A model's name as a dump can hold it; clients may send anything."""
    line = " ".join(model.encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"
