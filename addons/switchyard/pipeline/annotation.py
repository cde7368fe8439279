"""Shows an exchange in mitmproxy's own interfaces."""

import asyncio
from functools import lru_cache
from urllib.parse import urlsplit

from mitmproxy import contentviews
from mitmproxy import http
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import asyncio_utils

from switchyard.exchange.exchange import Exchange
from switchyard.exchange.registry import Exchanges
from switchyard.recording.call_text import comment_of
from switchyard.recording.call_text import model_name
from switchyard.recording.call_text import usage_of
from switchyard.recording.contentview import ConversationContentview
from switchyard.recording.flow_sinks import refresh_flow
from switchyard.recording.flow_sinks import shows_flows
from switchyard.recording.metadata import FACTS
from switchyard.recording.web_list import choose_columns
from switchyard.recording.web_list import widen_comments
from switchyard.runtime.snapshots import Snapshots
from switchyard.usage.prices import cost_of_call
from switchyard.usage.prices import cost_text
from switchyard.usage.prices import tokens_of
from switchyard.wire.encoding.jsonio import JsonObject


class Annotation:
    """Writes the route taken into the flow's comment and marks failures.

    The comment reads `my-stack: cc 429 -> glm ok, 2 attempts, 1.2 s, openai-chat for anthropic,
    1,234 tokens in, 56 out`. Interfaces with a list of flows add the cost a moment later if it is
    known: `$0.0123 at list prices`.
    """

    def __init__(self, snapshots: Snapshots, exchanges: Exchanges) -> None:
        self._snapshots = snapshots
        self._exchanges = exchanges
        self._shows = False

    def load(self, loader: Loader) -> None:
        contentviews.add(ConversationContentview)
        choose_columns()

    def running(self) -> None:
        widen_comments()
        self._shows = shows_flows()

    def response(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._annotate(flow)

    def _annotate(self, flow: http.HTTPFlow) -> None:
        exchange = self._exchanges.get(flow)
        if exchange is None:
            return
        flow.metadata[FACTS] = told = self._facts(exchange)
        flow.comment = comment_of(exchange, flow, told["route"])
        if not exchange.answered:
            flow.marked = ":red_circle:"
        elif exchange.attempts > 1:
            flow.marked = ":orange_circle:"
        if self._shows and "provider-origin" in told and "tokens" in told:
            asyncio_utils.create_task(
                _tell_cost(flow, flow.comment), name="switchyard cost", keep_ref=True
            )

    def _facts(self, exchange: Exchange) -> JsonObject:
        """Returns the facts of a call for dumps, exports and logs, without secrets."""
        state = exchange.shown
        usage = usage_of(state)
        facts: JsonObject = {
            "model": model_name(exchange.call.model),
            "format": exchange.call.format.name,
            "stream": exchange.call.streams,
            "answered": exchange.answered,
            "route": exchange.steps(),
            "dropped": list(exchange.shortfall.dropped),
        }
        if exchange.answered and state is not None:
            target, upstream = state.target, state.upstream_format
            facts["provider"] = target.provider.name
            # A passthrough target has no model of its own, only the client's name for it.
            facts["provider-model"] = model_name(target.model or exchange.call.model)
            facts["provider-format"] = upstream.name if upstream is not None else None
            # The usage of a continuation lacks the tokens of the answer that it continues.
            if upstream is not None and not state.continues:
                origin = _origin(self._snapshots.current.base_url(target.provider, upstream.name))
                facts |= {"provider-origin": origin} if origin else {}
        if exchange.answered and usage is not None:
            facts["tokens"] = tokens_of(usage)
        return facts


async def _tell_cost(flow: http.HTTPFlow, told: str) -> None:
    """Adds the cost of a call to its comment.

    Prices take a while to load, therefore in a thread.
    """
    facts = flow.metadata[FACTS]
    cost = cost_text(await asyncio.to_thread(cost_of_call, facts, flow.request.timestamp_start))
    # Other addons may extend the comment meanwhile, and users may replace it.
    if cost and flow.comment.startswith(told):
        flow.comment = f"{told}, {cost}{flow.comment.removeprefix(told)}"
        refresh_flow(flow)


@lru_cache(maxsize=256)
def _origin(base_url: str) -> str:
    """Returns a provider's origin, without the path, which may be private."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""
