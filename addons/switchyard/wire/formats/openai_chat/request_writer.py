"""Writes request bodies (OpenAI's reference, "Create chat completion").

Comments name the dialect of each member that is not OpenAI's.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.losses import MOST_STOPS
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.request_messages import write_messages
from switchyard.wire.formats.openai_chat.settings import PLAIN
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import write_choice
from switchyard.wire.formats.openai_chat.tools import write_foreign_choice
from switchyard.wire.formats.openai_chat.tools import write_foreign_tool
from switchyard.wire.formats.openai_chat.tools import write_tool
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.shared.effort import level_of
from switchyard.wire.shared.effort import nearest_level
from switchyard.wire.shared.tool_names import Names

_NOT_SHARED = ("top_k", "prompt_cache_key", "service_tier", "store", "metadata", "user", "stream")
"""Members that a translated request has on conditions, or not at all (`losses.CANNOT_SAY`)."""

_SHARED = {member: field for member, field in PLAIN.items() if member not in _NOT_SHARED}

_TIERS = ("default", "flex", "priority", "scale")
_MAX_USER = 64
"""Most characters of a `user`; session ids of other formats' clients are longer."""

_LEVELS = ("low", "medium", "high")
"""The efforts that every model with efforts accepts, for a limit stated in tokens."""


def write_request(conversation: Conversation) -> JsonObject:
    """Returns the request body for a conversation.

    A translated request that streams sets `stream_options.include_usage`, so that the router counts
    all usage, even if the client did not ask for it.
    """
    c = conversation
    own = c.format == NAME
    names = Names(() if own else c.tools)
    body: JsonObject = {"model": c.model, "messages": write_messages(c, names)}
    for member, field in (PLAIN if own else _SHARED).items():
        if (value := getattr(c, field)) is not None:
            body[member] = value
    if c.max_tokens is not None:
        body[limit_name(c)] = c.max_tokens
    if c.stop:
        said = list(c.stops_for(NAME, MOST_STOPS))
        body["stop"] = c.stop[0] if "stop:string" in c.form.split() else said
    if own:
        if c.modalities:
            body["modalities"] = list(c.modalities)
        _write_tools(c, body)
        return body | c.extra
    _write_foreign_tools(c, body, names)
    _write_settings(c, body)
    return body


def _write_settings(c: Conversation, body: JsonObject) -> None:
    """Writes the settings of another format that have other names or forms here."""
    if not c.logprobs:
        body.pop("top_logprobs", None)  # refused without `logprobs`
    # The API refuses speech if the request names no voice.
    modalities = [word for word in c.modalities if word != "audio" or c.audio]
    if modalities and modalities != ["text"]:
        body["modalities"] = modalities
    if c.output is not None:
        body["response_format"] = _write_output(c.output)
    if c.reasoning is not None and (effort := effort_of(c.reasoning)):
        body["reasoning_effort"] = effort
    if c.service_tier in _TIERS:
        body["service_tier"] = c.service_tier
    if c.store:
        # OpenAI accepts metadata only for completions that it stores.
        body |= {"store": True} | ({"metadata": c.metadata} if c.metadata else {})
    if c.user and len(c.user) <= _MAX_USER:
        body["user"] = c.user
    if c.stream is not None:
        body["stream"] = c.stream
    if c.stream:
        body["stream_options"] = {"include_usage": True}


def limit_name(conversation: Conversation) -> str:
    """Returns the name of the member that limits output tokens.

    OpenAI's reasoning models refuse `max_tokens`; most other providers know nothing else. A request
    that asks for reasoning gets the new name, any other the old one, unless it was read with one of
    them.
    """
    words = conversation.form.split()
    if "max_completion_tokens" in words:
        return "max_completion_tokens"
    if "max_tokens" in words:
        return "max_tokens"
    asks = conversation.reasoning is not None and effort_of(conversation.reasoning)
    return "max_completion_tokens" if asks else "max_tokens"


def effort_of(reasoning: Reasoning) -> str | None:
    """Returns the `reasoning_effort` for `reasoning`; None leaves it to the model."""
    if reasoning.effort:
        return "xhigh" if reasoning.effort == "max" else reasoning.effort
    if reasoning.enabled is False or not reasoning.budget or reasoning.budget < 0:
        return None
    return nearest_level(level_of(reasoning.budget), _LEVELS)


def _write_output(output: Output) -> JsonObject:
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema: JsonObject = {"name": output.name or "response"}
    if output.description is not None:
        schema["description"] = output.description
    if output.schema is not None:
        schema["schema"] = output.schema
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}


def _write_tools(c: Conversation, body: JsonObject) -> None:
    for tool in c.tools:
        body.setdefault("functions" if tool.form == LEGACY else "tools", []).append(
            write_tool(tool)
        )
    if c.tool_choice is not None:
        name = LEGACY if c.tool_choice.form == LEGACY else "tool_choice"
        body[name] = write_choice(c.tool_choice)


def _write_foreign_tools(c: Conversation, body: JsonObject, names: Names) -> None:
    written = [write_foreign_tool(tool, names) for tool in c.tools]
    if tools := [tool for tool in written if tool is not None]:
        body["tools"] = tools
        if c.tool_choice is not None:
            body["tool_choice"] = write_foreign_choice(c.tool_choice, names)
    else:
        body.pop("parallel_tool_calls", None)  # refused without tools, like a choice
