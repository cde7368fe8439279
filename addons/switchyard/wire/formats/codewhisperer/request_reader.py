"""Reads requests of `GenerateAssistantResponse` (the API's model, `ConversationState`)."""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.codewhisperer.names import IMAGES
from switchyard.wire.formats.codewhisperer.names import NAME
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest

_TYPES = {word: media_type for media_type, word in IMAGES.items()}


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body holds. Raises BadRequest."""
    state = body.get("conversationState")
    if not isinstance(state, dict):
        raise BadRequest("a request has a conversationState", "conversationState")
    current = object_of(state.get("currentMessage"))
    asked = current.get("userInputMessage")
    if not isinstance(asked, dict):
        where = "conversationState.currentMessage"
        raise BadRequest("the current message is a userInputMessage", where)
    context = object_of(asked.get("userInputMessageContext"))
    return Conversation(
        format=NAME,
        model=text_of(asked.get("modelId")),
        turns=tuple(map(_turn, [*objects_of(state.get("history")), current])),
        tools=tuple(_tools(context.get("tools"))),
        stream=True,
    )


def _turn(message: JsonObject) -> Turn:
    if isinstance(said := message.get("assistantResponseMessage"), dict):
        return Turn(role="assistant", parts=tuple(_answered(said)))
    return Turn(role="user", parts=tuple(_asked(object_of(message.get("userInputMessage")))))


def _asked(message: JsonObject) -> Iterator[Part]:
    context = object_of(message.get("userInputMessageContext"))
    for result in objects_of(context.get("toolResults")):
        yield ToolResult(
            call_id=text_of(result.get("toolUseId")),
            parts=tuple(Text(text=text) for text in _texts(result.get("content"))),
            is_error=True if result.get("status") == "error" else None,
        )
    if text := text_of(message.get("content")):
        yield Text(text=text)
    for image in objects_of(message.get("images")):
        media_type = _TYPES.get(text_of(image.get("format")))
        data = text_of(object_of(image.get("source")).get("bytes"))
        yield Media(kind="image", media_type=media_type, data=data)


def _texts(content: Any) -> Iterator[str]:
    for part in objects_of(content):
        yield text_of(part.get("text")) if "text" in part else dumps(part.get("json")).decode()


def _answered(message: JsonObject) -> Iterator[Part]:
    if text := text_of(message.get("content")):
        yield Text(text=text)
    for call in objects_of(message.get("toolUses")):
        yield ToolCall(
            id=text_of(call.get("toolUseId")),
            name=text_of(call.get("name")),
            arguments=dumps(object_of(call.get("input"))).decode(),
        )


def _tools(tools: Any) -> Iterator[Tool]:
    for tool in objects_of(tools):
        if said := object_of(tool.get("toolSpecification")):
            yield Tool(
                name=text_of(said.get("name")),
                description=text_of(said.get("description")) or None,
                parameters=object_of(object_of(said.get("inputSchema")).get("json")) or None,
            )
