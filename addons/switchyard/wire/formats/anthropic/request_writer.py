"""Writes a conversation as a request body.

Source: API reference, "Messages": create a message.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.adapt import adapt
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import write_blocks
from switchyard.wire.formats.anthropic.request_reader import ADDED
from switchyard.wire.formats.anthropic.request_reader import OUTPUT_FORMAT
from switchyard.wire.formats.anthropic.request_reader import SYSTEM
from switchyard.wire.formats.anthropic.request_reader import SYSTEM_TEXT
from switchyard.wire.formats.anthropic.request_reader import TEXT
from switchyard.wire.formats.anthropic.toolsets import MEMBER
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import Turn

_SYSTEM_FORMS = (SYSTEM, SYSTEM_TEXT)
_MODES = {"auto": "auto", "required": "any", "none": "none", "tool": "tool"}


def write_request(conversation: Conversation) -> JsonObject:
    """Returns the request body.

    A conversation of this format is written as it was read. One of another format is first adapted
    to what the API accepts (see `adapt.adapt`).
    """
    c = conversation if conversation.format == NAME else adapt(conversation)
    body: JsonObject = {"model": c.model}
    plain = {
        "max_tokens": c.max_tokens,
        "temperature": c.temperature,
        "top_p": c.top_p,
        "top_k": c.top_k,
        "service_tier": c.service_tier,
        "stream": c.stream,
    }
    body.update((name, value) for name, value in plain.items() if value is not None)
    for turn in c.turns:
        if turn.form in _SYSTEM_FORMS:
            body["system"] = _content(turn)
    body["messages"] = [_message(turn) for turn in c.turns if turn.form not in _SYSTEM_FORMS]
    if tools := [write_tool(tool) for tool in c.tools if tool.form not in (MEMBER, ADDED)]:
        body["tools"] = tools
    if (choice := _tool_choice(c)) is not None:
        body["tool_choice"] = choice
    if c.stop:
        body["stop_sequences"] = list(c.stop)
    if c.user is not None:
        body["metadata"] = {"user_id": c.user}
    _write_output(c, body)
    for name, value in c.extra.items():
        # The model has names for only a part of some members; `extra` holds the rest.
        body[name] = {**body[name], **value} if name in body else value
    return body


def _message(turn: Turn) -> JsonObject:
    message: JsonObject = {"role": turn.role, **turn.extra}
    if turn.form != "absent":
        message["content"] = _content(turn)
    return message


def _content(turn: Turn) -> str | list[JsonObject]:
    match turn.parts:
        case (Text(text=text),) if turn.form in (TEXT, SYSTEM_TEXT):
            return text
    return write_blocks(turn.parts)


def write_tool(tool: Tool) -> JsonObject:
    """Returns one tool; tools of the API's own types keep their declaration."""
    if tool.raw:
        return tool.raw
    written: JsonObject = {"name": tool.name, **tool.extra}
    if tool.description is not None:
        written["description"] = tool.description
    if tool.parameters is not None:
        written["input_schema"] = tool.parameters
    if tool.strict is not None:
        written["strict"] = tool.strict
    if tool.cache is not None:
        written["cache_control"] = tool.cache
    return written


def _tool_choice(c: Conversation) -> JsonObject | None:
    if c.tool_choice is None:
        return None
    choice: JsonObject = {"type": _MODES[c.tool_choice.mode], **c.tool_choice.extra}
    if c.tool_choice.name is not None:
        choice["name"] = c.tool_choice.name
    if c.parallel_tools is not None:
        choice["disable_parallel_tool_use"] = not c.parallel_tools
    return choice


def _write_output(c: Conversation, body: JsonObject) -> None:
    config: JsonObject = {}
    if c.output is not None and c.output.form == OUTPUT_FORMAT:
        body["output_format"] = _schema(c.output)
    elif c.output is not None:
        config["format"] = _schema(c.output)
    if c.reasoning is not None:
        if c.reasoning.effort is not None:
            config["effort"] = c.reasoning.effort
        if thinking := _thinking(c.reasoning):
            body["thinking"] = thinking
    if config:
        body["output_config"] = config


def _schema(output: Output) -> JsonObject:
    return {"type": "json_schema", "schema": output.schema, **output.extra}


def _thinking(reasoning: Reasoning) -> JsonObject:
    thinking: JsonObject = {}
    if reasoning.adaptive:
        thinking["type"] = "adaptive"
    elif reasoning.enabled is not None:
        thinking["type"] = "enabled" if reasoning.enabled else "disabled"
    if reasoning.budget is not None:
        thinking["budget_tokens"] = reasoning.budget
    if reasoning.summary is not None:
        thinking["display"] = reasoning.summary
    return {**thinking, **reasoning.extra}
