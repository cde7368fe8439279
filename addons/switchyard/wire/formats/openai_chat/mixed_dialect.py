"""Normalises requests in another format's words at Chat Completions.

Cursor sends them to any OpenAI-compatible address: tools as Anthropic's or the Responses API's
reference has them, with Anthropic's content blocks in messages, and whole requests of the Responses
API (`input` in place of `messages`). It reads the responses as chat completions all the same.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic.blocks import read_block
from switchyard.wire.formats.openai_chat.call_texts import with_texts
from switchyard.wire.formats.openai_chat.content import read_part
from switchyard.wire.formats.openai_chat.request_messages import write_messages
from switchyard.wire.formats.openai_chat.request_writer import write_request
from switchyard.wire.formats.openai_chat.tools import read_calls
from switchyard.wire.formats.openai_chat.tools import write_tool
from switchyard.wire.formats.openai_responses.request_reader import read_request as read_responses
from switchyard.wire.formats.openai_responses.tools import read_tools as read_responses_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.tool_names import Names

_OF_TOOLS = ("tool_use", "tool_result")

_HELD = {
    "tool_use": ("name", str),
    "tool_result": ("tool_use_id", str),
    "image": ("source", dict),
    "document": ("source", dict),
    "thinking": ("thinking", str),
    "redacted_thinking": ("data", str),
}
"""Anthropic's content blocks that Chat Completions writes otherwise: the member that distinguishes
each from a part of the same type that some provider of Chat has."""

_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def standard(body: JsonObject) -> JsonObject:
    """Returns the request that `body` means; mostly `body` itself. Raises BadRequest."""
    if "messages" not in body and isinstance(body.get("input"), list | str):
        return _from_responses(body)
    tools, messages = body.get("tools"), body.get("messages")
    if isinstance(messages, list) and (texts := with_texts(messages)) is not messages:
        body, messages = {**body, "messages": texts}, texts
    if not isinstance(tools, list) or not tools or not isinstance(messages, list):
        return body
    flat = any(map(_is_flat, tools))
    if not flat and not any(map(_uses_tools, messages)):
        return body
    changed = {**body, "messages": [one for message in messages for one in _messages(message)]}
    if flat:
        changed["tools"] = [_nested(tool) if _is_flat(tool) else tool for tool in tools]
    if isinstance(choice := body.get("tool_choice"), dict):
        changed["tool_choice"] = _choice(choice)
    return changed


def _from_responses(body: JsonObject) -> JsonObject:
    conversation = read_responses(body)
    written = write_request(conversation)
    if "stream_options" not in body:
        written.pop("stream_options", None)
    custom = {tool.name: tool for tool in conversation.tools if tool.kind == "custom"}
    for i, entry in enumerate(written.get("tools", ())):
        if (tool := custom.get(entry["function"]["name"])) is not None:
            written["tools"][i] = write_tool(altered(tool, extra=EMPTY))
    return written


def _is_flat(tool: Any) -> bool:
    """Whether a tool's name stands beside its type, as in the other formats."""
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        return False
    if tool.get("type") not in (None, "function", "custom"):
        return False
    return not isinstance(tool.get("function"), dict) and not isinstance(tool.get("custom"), dict)


def _nested(tool: JsonObject) -> JsonObject:
    if "input_schema" in tool:
        said = {**tool, "type": "function", "parameters": tool["input_schema"]}
    else:
        said = {**tool, "type": tool.get("type") or "function"}
    (read,) = read_responses_tools([said], "tools")
    return write_tool(altered(read, extra=EMPTY))


def _messages(message: Any) -> list[Any]:
    """Returns the messages for one, with tool results as messages of their own."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list) or not any(map(_is_block, content)):
        return [message]
    parts = [_part(part) for part in content]
    if isinstance(calls := message.get("tool_calls"), list):
        parts += read_calls(calls, "")
    role = "assistant" if message.get("role") == "assistant" else "user"
    turn = Turn(role=role, parts=tuple(parts))
    spoken = Conversation(format="anthropic", model="", turns=(turn,))
    return write_messages(spoken, Names(()))


def _uses_tools(message: Any) -> bool:
    """Whether a message calls a tool or answers a call within its content."""
    content = message.get("content") if isinstance(message, dict) else None
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") in _OF_TOOLS for part in content
    )


def _is_block(part: Any) -> bool:
    """Whether a content part is a block of Anthropic's."""
    if not isinstance(part, dict) or not isinstance(kind := part.get("type"), str):
        return False
    member, type = _HELD.get(kind, ("", str))
    return isinstance(part.get(member), type)


def _part(part: Any) -> Part:
    return read_block(part, history=True) if _is_block(part) else read_part(part)


def _choice(choice: JsonObject) -> Any:
    kind = choice.get("type")
    if kind in _CHOICES:
        return _CHOICES[kind]
    if kind in ("tool", "function", "custom") and isinstance(name := choice.get("name"), str):
        kind = "function" if kind == "tool" else kind
        return {"type": kind, kind: {"name": name}}
    return choice
