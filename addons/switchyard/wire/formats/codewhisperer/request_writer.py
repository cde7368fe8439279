"""Writes requests of `GenerateAssistantResponse`.

Source: the API's model, `ConversationState`. What its service refuses beyond that as "Improperly
formed request": users and model take strict turns, the first and the last of which are the user's;
no message is empty; calls and results stand only where tools are declared; a tool has a
description. The last message is apart from the history. Instructions stand before the first
message.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import NAMESPACE_URL
from uuid import uuid5

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.codewhisperer.names import IMAGES
from switchyard.wire.formats.codewhisperer.names import ORIGIN
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.custom_tools import INPUT
from switchyard.wire.shared.custom_tools import as_function
from switchyard.wire.shared.instructed import instruction
from switchyard.wire.shared.media import document_text
from switchyard.wire.shared.placing import after_opening
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.placing import opening
from switchyard.wire.shared.placing import worded
from switchyard.wire.shared.tool_names import Names
from switchyard.wire.shared.words import called

_EMPTY = "."
"""Stands where a message has no words."""
_GO_ON = "Continue."
"""Asks for more where the conversation ends with the model's words."""
_LONGEST_DESCRIPTION = 10_000
"""Characters; longer ones are refused, and stand among the instructions instead."""

_UNKNOWN_WORDS = ("$schema", "additionalProperties")
_SCHEMAS_BY_NAME = ("properties", "patternProperties", "$defs", "definitions")
_VALUES = ("enum", "const", "default", "examples")


def write_request(c: Conversation) -> JsonObject:
    """Returns the request body for a conversation; it says nothing about streams."""
    names = Names(c.tools)
    tools = [as_function(tool) for tool in _offered(c)]
    messages = _Messages(names, with_calls=bool(tools)).write(c)
    system = "\n\n".join(_system(c, tools, names))
    first = messages[0]["userInputMessage"]
    if system:
        words = first["content"]
        first["content"] = system if words == _EMPTY else f"{system}\n\n{words}"
    current = messages[-1]["userInputMessage"]
    current["modelId"] = c.model
    if tools:
        context = current.setdefault("userInputMessageContext", {})
        context["tools"] = [_tool(tool, names) for tool in tools]
    state: JsonObject = {
        "conversationId": _id(c, first["content"]),
        "chatTriggerType": "MANUAL",
        "currentMessage": messages[-1],
        "history": messages[:-1],
    }
    return {"conversationState": state}


def _id(c: Conversation, beginning: str) -> str:
    """Returns an id that stays the same as long as the conversation goes on."""
    said = c.cache_key or f"{c.user or ''}\n{beginning}"
    return str(uuid5(NAMESPACE_URL, f"{c.model}\n{said}".encode("utf-8", "surrogatepass")))


def _offered(c: Conversation) -> Iterator[Tool]:
    """Returns the tools that may be called; the API has no choice among tools."""
    choice = c.tool_choice
    allowed: Sequence[str] | None = None
    if choice is not None and choice.mode in ("none", "tool", "allowed"):
        allowed = choice.allowed if choice.mode == "allowed" else (choice.name or "",)
    for tool in c.tools:
        if tool.kind != "server" and (allowed is None or tool.name in allowed):
            yield tool


def _system(c: Conversation, tools: Iterable[Tool], names: Names) -> Iterator[str]:
    for turn in opening(c.turns):
        yield from (part.text for part in instructions(turn) if part.text)
    for tool in tools:
        if _is_long(tool):
            yield f"The tool {names.flat(tool.name, tool.namespace)}:\n{tool.description}"
    if c.output is not None and c.output.kind != "text":
        yield instruction(c.output.schema)


def _is_long(tool: Tool) -> bool:
    return len(tool.description or "") > _LONGEST_DESCRIPTION


def _tool(tool: Tool, names: Names) -> JsonObject:
    name = names.flat(tool.name, tool.namespace)
    described = "The instructions describe it." if _is_long(tool) else tool.description
    schema = _schema(tool.parameters or {"type": "object"})
    return {
        "toolSpecification": {
            "name": name,
            "description": (described or "").strip() or name,
            "inputSchema": {"json": schema},
        }
    }


def _schema(node: Any) -> Any:
    """Returns a schema without the words that the service refuses."""
    if isinstance(node, list):
        return [_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept: JsonObject = {}
    for word, value in node.items():
        if word in _UNKNOWN_WORDS or (word in ("required", "properties") and not value):
            continue
        if word in _VALUES:
            kept[word] = value
        elif word in _SCHEMAS_BY_NAME and isinstance(value, dict):
            kept[word] = {name: _schema(one) for name, one in value.items()}
        else:
            kept[word] = _schema(value)
    return kept


class _Messages:
    """Writes the messages of one conversation."""

    def __init__(self, names: Names, with_calls: bool) -> None:
        self._names = names
        self._with_calls = with_calls
        """Whether calls and results are such; otherwise they are text."""

    def write(self, c: Conversation) -> list[JsonObject]:
        """Returns the messages in strict turns, from a user's to a user's."""
        turns = worded(list(after_opening(c.turns)))
        written: list[JsonObject] = []
        for role, group in groupby(turns, key=lambda turn: turn.role):
            parts = [part for turn in group for part in turn.parts]
            if role == "assistant":
                if not written:
                    written.append(self._asked([]))
                written.append(self._answered(parts))
            else:
                written.append(self._asked(parts))
        if not written:
            written.append(self._asked([]))
        elif "assistantResponseMessage" in written[-1]:
            written.append(self._asked([Text(text=_GO_ON)]))
        return written

    def _asked(self, parts: Sequence[Part]) -> JsonObject:
        results = [part for part in parts if isinstance(part, ToolResult)]
        inside = [part for result in results for part in result.parts]
        message: JsonObject = {"content": self._words(parts), "origin": ORIGIN}
        if images := list(_images([*inside, *parts])):
            message["images"] = images
        if results and self._with_calls:
            context = {"toolResults": [_result(result) for result in results]}
            message["userInputMessageContext"] = context
        return {"userInputMessage": message}

    def _answered(self, parts: Sequence[Part]) -> JsonObject:
        message: JsonObject = {"content": self._words(parts)}
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls and self._with_calls:
            message["toolUses"] = [
                {
                    "toolUseId": call.id,
                    "name": self._names.flat(call.name, call.namespace),
                    "input": _input(call),
                }
                for call in calls
            ]
        return {"assistantResponseMessage": message}

    def _words(self, parts: Iterable[Part]) -> str:
        return "\n\n".join(text for text in self._said(parts) if text.strip()) or _EMPTY

    def _said(self, parts: Iterable[Part]) -> Iterator[str]:
        for part in parts:
            match part:
                case Text(text=text) | Refusal(text=text) | Opaque(text=str(text)):
                    yield text
                case Media(text=str()):
                    yield document_text(part)
                case ToolCall() if not self._with_calls:
                    name = self._names.flat(part.name, part.namespace)
                    yield called(name, settled(part.arguments))
                case ToolResult() if not self._with_calls:
                    yield part.text


def _input(call: ToolCall) -> JsonObject:
    return {INPUT: call.arguments} if call.kind == "custom" else as_object(call.arguments)


def _result(result: ToolResult) -> JsonObject:
    texts = [text for text in result.texts if text] or [_EMPTY]
    return {
        "toolUseId": result.call_id,
        "status": "error" if result.is_error else "success",
        "content": [{"text": text} for text in texts],
    }


def _images(parts: Iterable[Part]) -> Iterator[JsonObject]:
    """Returns the images of which the router has the bytes; the service fetches none."""
    for part in parts:
        if isinstance(part, Media) and part.kind == "image" and part.data is not None:
            if word := IMAGES.get(part.media_type or ""):
                yield {"format": word, "source": {"bytes": part.data}}
