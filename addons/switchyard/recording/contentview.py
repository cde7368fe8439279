"""Shows calls to models as conversations in mitmproxy's content views."""

from dataclasses import dataclass
from decimal import Decimal

from mitmproxy import contentviews
from mitmproxy import http
from mitmproxy.flow import Flow

from switchyard.exchange.endpoints import find_foreign_endpoint
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import FACTS
from switchyard.transcript.transcript import read_answer
from switchyard.transcript.transcript import read_request
from switchyard.usage.prices import cost_of
from switchyard.usage.prices import cost_of_call
from switchyard.usage.prices import cost_text
from switchyard.usage.prices import tokens_of
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Reply
from switchyard.wire.registry import DEFAULT
from switchyard.wire.registry import FORMATS

_WINS = 3.0
"""Above what mitmproxy's own views of JSON and of event streams say."""

_JSON = ("application/json", "application/problem+json")
_STREAMS = ("text/event-stream", "application/x-ndjson", "application/stream+json")
_PEEK = 2048
"""Bytes by which a response's format is recognised where its path does not decide."""


@dataclass(frozen=True, slots=True)
class _Call:
    format: Format
    model: str | None = None
    stream: bool | None = None


class ConversationContentview(contentviews.Contentview):
    """Shows a call to a model: settings, messages, tool calls, results, tokens, cost.

    mitmproxy chooses it by itself for calls that are known by their path or, elsewhere, by the
    members of their bodies; also for those that pass through to a provider's own host. People can
    choose it for any other body, which it shows as far as it can read it. The cost is in dollars at
    list prices.
    """

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        message = metadata.http_message
        call = _call_of(metadata) or _recognised(data, isinstance(message, http.Response))
        if call is None:
            raise ValueError("this is not a call to a model")
        if isinstance(message, http.Response):
            running = isinstance(metadata.flow, http.HTTPFlow) and bool(metadata.flow.live)
            text = read_answer(
                call.format,
                data,
                message.status_code,
                running,
                lambda reply: cost_text(_cost(metadata.flow, reply, call.model)),
            )
        else:
            text = read_request(call.format, data, call.model, call.stream)
        # mitmweb shows an empty line as none at all.
        return "\n".join(line or " " for line in text.rstrip().split("\n"))

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        # Asked for every body that is shown: nothing is parsed here.
        message, kind = metadata.http_message, metadata.content_type or ""
        if message is None or not data:
            return -1
        answers = isinstance(message, http.Response)
        if answers and kind not in _JSON and kind not in _STREAMS:
            return -1
        if not answers and kind not in _JSON and kind != "":
            return -1
        if _call_of(metadata) is not None:
            return _WINS
        return _WINS if _recognised(data, answers) is not None else -1


def _call_of(metadata: contentviews.Metadata) -> _Call | None:
    """Return what the flow's path determines about a body."""
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return None
    endpoint = find_foreign_endpoint(flow.request)
    if endpoint is not None:
        answers = isinstance(metadata.http_message, http.Response)
        if endpoint.kind == "generate" or (endpoint.kind == "count" and not answers):
            return _Call(endpoint.format, endpoint.model, endpoint.stream)
        return None
    return None


def _cost(flow: Flow | None, reply: Reply, model: str | None) -> Decimal | None:
    """Return the cost of a response in US dollars; `model` is the one of the path."""
    if not isinstance(flow, http.HTTPFlow) or flow.live or reply.usage is None:
        return None  # of what still runs, nobody knows who answers in the end
    facts, at = flow.metadata.get(FACTS), flow.request.timestamp_start
    attempt = ATTEMPT in flow.metadata
    if isinstance(facts, dict) and not attempt:
        return cost_of_call(facts, at)
    if isinstance(facts, dict) and isinstance(sent := facts.get("model"), str):
        model = sent or model
    url = flow.request.pretty_url.partition("?")[0]
    return cost_of(tokens_of(reply.usage), model or reply.model or "", url, at)


def _recognised(data: bytes, answers: bool) -> _Call | None:
    """Return the format of a body by its members, where no path decides."""
    # Others have what the default has, and something of their own.
    formats = (*(one for one in FORMATS.values() if one is not DEFAULT), DEFAULT)
    if answers:
        head = data[:_PEEK]
        known = (one for one in formats if any(mark in head for mark in one.reply_marks))
    elif data.lstrip()[:1] == b"{":
        known = (one for one in formats if any(_has_all(data, m) for m in one.request_marks))
    else:
        return None
    return next(map(_Call, known), None)


def _has_all(data: bytes, words: tuple[bytes, ...]) -> bool:
    return all(word in data for word in words)
