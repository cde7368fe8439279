"""Writes the body of an attempt's request."""

from switchyard.attempt.compaction import summary_stage
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.splice import splice
from switchyard.wire.encoding.surrogates import with_whole_pairs
from switchyard.wire.format import Format
from switchyard.wire.formats.anthropic.client_tools import ToolsetCalls
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.relay.stage import Stage
from switchyard.wire.shared.call_ids import FreshIds
from switchyard.wire.shared.server_tool_results import SHOWING
from switchyard.wire.shared.server_tool_results import ServedAnswers
from switchyard.wire.translate.limits import Enforcer
from switchyard.wire.translate.rename_tools import GivenNames
from switchyard.wire.translate.rename_tools import new_names
from switchyard.wire.translate.text_calls import TextCalls
from switchyard.wire.translate.think_tag import ThinkingTag
from switchyard.wire.translate.transcripts import Transcripts
from switchyard.wire.translate.transcripts import are_wanted as transcripts_are_wanted


def complete_body(state: AttemptState, upstream: Format) -> JsonObject:
    """Returns the attempt's body with the upstream's model name and stream flag.

    A stream is asked for its token counts, whether or not the client wants to see them.
    """
    call = state.call
    if state.operation is not None:
        return state.upstream_body
    body = upstream.with_model(state.upstream_body, state.target.model)
    # Where the path says it (Gemini), a body must not; elsewhere a passthrough keeps its silence.
    if state.says_stream or not state.passes_through or call.body is not call.parsed:
        body = upstream.with_stream(body, state.upstream_streams)
    return upstream.with_usage(body) if state.upstream_streams else body


def write_body(state: AttemptState, body: JsonObject) -> bytes:
    """Returns the bytes of the attempt's body: the client's own if nothing changed.

    Halves of characters are replaced either way, since no provider reads a body with them.
    """
    return with_whole_pairs(_written(state, body))


def _written(state: AttemptState, body: JsonObject) -> bytes:
    if not state.passes_through:
        return dumps(body)
    parsed = state.call.parsed
    changes = {key: value for key, value in body.items() if parsed.get(key, body) is not value}
    placed = {key: value for key, value in changes.items() if key in parsed}
    if parsed.keys() - body.keys():
        return dumps(body)
    if not changes:
        return state.call.raw
    if all(isinstance(value, str | bool) for value in placed.values()):
        return splice(state.call.raw, parsed, changes)
    return dumps(body)


def hides_usage(state: AttemptState) -> bool:
    """Whether the router alone asked for the usage chunk of a stream that passes through."""
    sent, call = state.sent_body, state.call
    if sent is None or not state.passes_through or not call.streams or call.asked.include_usage:
        return False
    options = sent.get("stream_options")
    return options is not None and options is not call.body.get("stream_options")


def stages_of(
    state: AttemptState, body: JsonObject, thinking: ThinkingTag | None, calls_in_text: bool = False
) -> list[Stage]:
    """Returns the stages that the answer to `body` passes through, mostly none.

    `thinking` takes out what stands between tags within the text, where calls may stand too.
    """
    call, upstream, translates = state.call, state.upstream_format, not state.passes_through
    stages: list[Stage] = []
    if thinking is not None:
        stages.append(thinking)
    if state.summarises:
        return [*stages, summary_stage(call)]
    if calls_in_text and upstream is not None and (tools := offered_tools(upstream, body)):
        stages.append(TextCalls(tools, call.asked.id))
    if translates:
        taken = called_before(call)
        if taken or call.conversation.tools:
            stages.append(FreshIds(set(taken).__contains__))
    if translates and (names := new_names(call.conversation)):
        stages.append(GivenNames(names))
    if translates and ToolsetCalls.has_work(call.conversation.tools):
        stages.append(ToolsetCalls(call.conversation.tools))
    if state.served and upstream is not None and call.format.name in SHOWING:
        stages.append(ServedAnswers(upstream.name, call.format.name, call.asked.id))
    if translates and transcripts_are_wanted(call.format, call.conversation.modalities, body):
        stages.append(Transcripts())
    if state.limits:
        stages.append(Enforcer(state.limits, int_of(body.get("n")) or 1))
    return stages


def offered_tools(upstream: Format, body: JsonObject) -> dict[str, JsonObject]:
    """Returns the parameters' schema of each function that `body` offers, by its name."""
    try:
        tools = upstream.read_request(body).tools
    except BadRequest:
        return {}
    return {tool.name: tool.parameters or EMPTY for tool in tools if tool.kind == "function"}


def has_called(call: Call, call_id: str) -> bool:
    """Whether the conversation so far has a tool call of an id."""
    written = dumps(call_id)[1:-1]
    # Most ids are new, and what the client's bytes lack is not read from them.
    if not (call.recalled or b"\\" in written or b"/" in written or written in call.raw):
        return False
    try:
        return call_id in called_before(call)
    except BadRequest:
        return False  # the provider took what is no valid request here


def called_before(call: Call) -> list[str]:
    """Returns the ids of the tool calls in the conversation so far."""
    parts = call.conversation.parts()
    return [part.id for part in parts if isinstance(part, ToolCall) and part.id]
