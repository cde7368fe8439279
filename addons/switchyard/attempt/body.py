"""Writes the body of an attempt's request."""

from switchyard.exchange.exchange import Exchange
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.splice import splice
from switchyard.wire.format import Format
from switchyard.wire.formats.anthropic.client_tools import ToolsetCalls
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.relay.stage import Stage
from switchyard.wire.shared.call_ids import FreshIds
from switchyard.wire.shared.server_tool_results import SHOWING
from switchyard.wire.shared.server_tool_results import ServedAnswers
from switchyard.wire.translate.limits import Enforcer
from switchyard.wire.translate.rename_tools import GivenNames
from switchyard.wire.translate.rename_tools import new_names
from switchyard.wire.translate.think_tag import ThinkingTag


def complete_body(exchange: Exchange, upstream: Format) -> JsonObject:
    """The attempt's body with the upstream's name of the model and whether to stream."""
    assert exchange.target
    if exchange.operation is not None:
        return exchange.upstream_body
    body = upstream.with_model(exchange.upstream_body, exchange.target.model)
    # Where the path says it (Gemini), a body must not; elsewhere a passthrough keeps its silence.
    if exchange.says_stream or not exchange.passes_through or exchange.body is not exchange.parsed:
        body = upstream.with_stream(body, exchange.upstream_streams)
    return body


def write_body(exchange: Exchange, body: JsonObject) -> bytes:
    """The bytes of the attempt's body: the client's own where nothing has to change."""
    if not exchange.passes_through:
        return dumps(body)
    parsed = exchange.parsed
    changes = {key: value for key, value in body.items() if parsed.get(key, body) is not value}
    if parsed.keys() - body.keys():
        return dumps(body)
    if not changes:
        return exchange.raw
    if all(isinstance(value, str | bool) for value in changes.values()):
        return splice(exchange.raw, parsed, changes)
    return dumps(body)


def stages_of(exchange: Exchange, body: JsonObject, tag: str | None) -> list[Stage]:
    """What has to be done to the answer of an attempt that sends `body`; mostly nothing. `tag`:
    that of thinking in the text."""
    stages: list[Stage] = []
    if tag:
        stages.append(ThinkingTag(tag))
    if not exchange.passes_through and (taken := called_before(exchange)):
        stages.append(FreshIds(taken))
    if not exchange.passes_through and (names := new_names(exchange.conversation)):
        stages.append(GivenNames(names))
    if not exchange.passes_through and ToolsetCalls.has_work(exchange.conversation.tools):
        stages.append(ToolsetCalls(exchange.conversation.tools))
    upstream = exchange.upstream_format
    if exchange.served and upstream is not None and exchange.format.name in SHOWING:
        stages.append(ServedAnswers(upstream.name, exchange.format.name, exchange.asked.id))
    if exchange.limits:
        stages.append(Enforcer(exchange.limits, int_of(body.get("n")) or 1))
    return stages


def called_before(exchange: Exchange) -> list[str]:
    """The ids of the tool calls in the conversation so far."""
    parts = exchange.conversation.parts()
    return [part.id for part in parts if isinstance(part, ToolCall) and part.id]
