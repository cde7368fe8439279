"""Reads requests of `Converse` and `ConverseStream` (API reference, "Converse")."""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.converse.blocks import read_blocks
from switchyard.wire.formats.converse.media import read_media
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.formats.converse.settings import read_settings
from switchyard.wire.formats.converse.tools import read_choice
from switchyard.wire.formats.converse.tools import read_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation that a request body holds. Raises BadRequest."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise BadRequest("a request has messages", "messages")
    config = object_of(body.get("toolConfig"))
    return Conversation(
        format=NAME,
        model=text_of(body.get("model")),
        turns=(*_system(body.get("system")), *map(_turn, objects_of(messages))),
        tools=read_tools(config),
        tool_choice=read_choice(config),
        **read_settings(body),
    )


def _system(blocks: Any) -> Iterator[Turn]:
    texts = [Text(text=text) for b in objects_of(blocks) if (text := text_of(b.get("text")))]
    if texts:
        yield Turn(role="system", parts=tuple(texts))


def _turn(message: JsonObject) -> Turn:
    role = "assistant" if message.get("role") == "assistant" else "user"
    return Turn(role=role, parts=tuple(_parts(message.get("content"))))


def _parts(content: Any) -> Iterator[Part]:
    for block in objects_of(content):
        if result := object_of(block.get("toolResult")):
            yield ToolResult(
                call_id=text_of(result.get("toolUseId")),
                parts=tuple(_result_parts(result.get("content"))),
                is_error=True if result.get("status") == "error" else None,
            )
        else:
            yield from read_blocks([block])


def _result_parts(content: Any) -> Iterator[Part]:
    for block in objects_of(content):
        if (media := read_media(block)) is not None:
            yield media
        elif "json" in block:
            yield Text(text=dumps(block["json"]).decode())
        else:
            yield Text(text=text_of(block.get("text")))
