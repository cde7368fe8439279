"""Reads and writes messages of `/api/chat`: a role, one text, images beside it."""

import base64
import binascii
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import own
from switchyard.wire.formats.ollama.names import owned
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.call_ids import HistoryIds
from switchyard.wire.shared.call_ids import is_made_up
from switchyard.wire.shared.custom_tools import INPUT
from switchyard.wire.shared.media import document_text
from switchyard.wire.shared.placing import SYSTEM_ROLES
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.tool_names import Names

_ROLES: dict[Any, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "user",
}

_SAID = ("role", "content", "images", "thinking", "tool_calls")


def read_message(raw: Any, ids: HistoryIds, where: str) -> Turn:
    """Reads one message of a request."""
    if not isinstance(raw, dict):
        raise BadRequest("a message must be an object with role and content", where)
    word = raw.get("role")
    role = _ROLES.get(word) if isinstance(word, str) else None
    if role is None:
        words = "'system', 'user', 'assistant' and 'tool'"
        raise BadRequest(f"{word!r} is not a role; the roles are {words}", f"{where}.role")
    said = {key: raw[key] for key in _SAID[1:] if key in raw and not raw[key]}
    if word == "tool":
        return _read_result(raw, ids)
    parts: list[Part] = []
    if thinking := text_of(raw.get("thinking")):
        parts.append(Thinking(text=thinking))
    if content := text_of(raw.get("content")):
        parts.append(Text(text=content))
    parts += read_images(raw.get("images"))
    parts += [read_call(call, _call_id(call, ids)) for call in objects_of(raw.get("tool_calls"))]
    return Turn(role=role, parts=tuple(parts), extra=owned({**rest(raw, *_SAID), **said}))


def _call_id(raw: JsonObject, ids: HistoryIds) -> str:
    name = text_of(object_of(raw.get("function")).get("name"))
    return ids.call(text_of(raw.get("id")), name)


def _read_result(raw: JsonObject, ids: HistoryIds) -> Turn:
    name = text_of(raw.get("tool_name")) or text_of(raw.get("name"))
    content = raw.get("content")
    text = content if isinstance(content, str) else dumps(content).decode() if content else ""
    words = [Text(text=text)] if text else []
    result = ToolResult(
        call_id=ids.result(text_of(raw.get("tool_call_id")), name),
        parts=(*words, *read_images(raw.get("images"))),
        name=name or None,
        extra=owned(rest(raw, "role", "images")),
    )
    return Turn(role="user", parts=(result,), form="tool")


def read_images(images: Any) -> list[Media]:
    """Reads images, which are bare base64; their first bytes show the media type."""
    if not isinstance(images, list):
        return []
    return [
        Media(kind="image", media_type=_type_of(data), data=data, extra=owned({"bare": True}))
        for data in images
        if isinstance(data, str)
    ]


_MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}


def _type_of(data: str) -> str:
    try:
        head = base64.b64decode(data[:16])
    except (binascii.Error, ValueError):
        head = b""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "image/png")


def read_call(raw: JsonObject, call_id: str) -> ToolCall:
    function = object_of(raw.get("function"))
    args = function.get("arguments")
    said: JsonObject = {}
    if left := rest(raw, "id", "function"):
        said["call"] = left
    if left := rest(function, "name", "arguments"):
        said["function"] = left
    if isinstance(args, str):  # OpenAI's form, which some proxies use here too
        said["text"] = True
    return ToolCall(
        id=call_id,
        name=text_of(function.get("name")),
        arguments=args if isinstance(args, str) else dumps(object_of(args)).decode(),
        extra=owned(said),
    )


def write_call(part: ToolCall, name: str, *, answer: bool = False) -> JsonObject:
    """Returns a call.

    Clients receive generated ids (in an `answer`), Ollama does not.
    """
    said = own(part.extra)
    args: Any = part.arguments if said.get("text") else arguments_of(part)
    written: JsonObject = {} if not answer and is_made_up(part.id) else {"id": part.id}
    function = {"name": name, "arguments": args, **said.get("function", EMPTY)}
    return {**written, "function": function, **said.get("call", EMPTY)}


def arguments_of(part: ToolCall) -> JsonObject:
    """Returns a call's arguments as an object.

    Wraps broken JSON and values of another type in an object.
    """
    if part.kind == "custom":
        return {INPUT: part.arguments}
    return as_object(part.arguments)


class MessageWriter:
    """Writes the messages of one conversation."""

    def __init__(self, c: Conversation) -> None:
        self.names = Names(c.tools)
        self._home = c.format == NAME
        self._called = {
            part.id: self.names.flat(part.name, part.namespace)
            for turn in c.turns
            for part in turn.parts
            if isinstance(part, ToolCall)
        }

    def write(self, turns: Iterable[Turn]) -> list[JsonObject]:
        if self._home:
            return [message for turn in turns for message in self._own(turn)]
        return [message for turn in _with_one_system(turns) for message in self._foreign(turn)]

    def _own(self, turn: Turn) -> Iterator[JsonObject]:
        """Returns a message as it was read."""
        if turn.form == "tool":
            yield from (self._result(p) for p in turn.parts if isinstance(p, ToolResult))
            return
        yield {**self._message(turn.role, turn.parts), **own(turn.extra)}

    def _foreign(self, turn: Turn) -> Iterator[JsonObject]:
        """Returns messages with one text each, and images after it, to keep their order.

        Tool results form messages of their own, before everything else.
        """
        yield from (self._result(part) for part in turn.parts if isinstance(part, ToolResult))
        role = "system" if turn.role == "developer" else turn.role
        group: list[Part] = []
        for part in _sayable(turn.parts):
            if group and _begins(part, group):
                yield self._message(role, group)
                group = []
            group.append(part)
        if group:
            yield self._message(role, group)

    def _message(self, role: str, parts: Iterable[Part]) -> JsonObject:
        parts = list(parts)
        message: JsonObject = {"role": role}
        if thinking := "".join(part.text for part in parts if isinstance(part, Thinking)):
            message["thinking"] = thinking
        message["content"] = "".join(part.text for part in parts if isinstance(part, Text))
        if images := write_images(parts):
            message["images"] = images
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls:
            message["tool_calls"] = [
                write_call(call, self.names.flat(call.name, call.namespace)) for call in calls
            ]
        if self._home and not message["content"]:
            del message["content"]
        return message

    def _result(self, part: ToolResult) -> JsonObject:
        message: JsonObject = {"role": "tool"}
        if said := own(part.extra):
            message.update(said)
        else:
            message["content"] = part.text
            if name := self._called.get(part.call_id) or part.name:
                message["tool_name"] = name
            if not is_made_up(part.call_id):
                message["tool_call_id"] = part.call_id
        if images := write_images(part.parts):
            message["images"] = images
        return message


def _with_one_system(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Returns the turns with neighbouring instructions merged.

    Many templates render a single system message.
    """
    for is_system, group in groupby(turns, key=lambda turn: turn.role in SYSTEM_ROLES):
        if not is_system:
            yield from group
            continue
        parts = [part for turn in group for part in instructions(turn)]
        words = "\n\n".join(part.text for part in parts if part.text)
        images = (part for part in parts if isinstance(part, Media) and not part.text)
        yield Turn(role="system", parts=(*((Text(text=words),) if words else ()), *images))


def write_images(parts: Iterable[Part], *, answer: bool = False) -> list[str]:
    """Returns the images of which the router has the bytes; Ollama fetches none.

    An `answer` contains only images from Ollama: its official SDK fails on images in responses.
    """
    return [
        part.data
        for part in parts
        if isinstance(part, Media)
        and part.kind == "image"
        and part.data is not None
        and (not answer or own(part.extra))
    ]


def _sayable(parts: Iterable[Part]) -> Iterator[Part]:
    """Returns the parts that Ollama can express, with text in place of others."""
    for part in parts:
        match part:
            case Text(text=text) | Refusal(text=text) | Opaque(text=str(text)) if text:
                yield Text(text=text)
            case Media(text=str(text)) if text:
                yield Text(text=document_text(part))
            case Thinking(text=text) if text:
                yield part
            case ToolCall():
                yield part
            case Media(kind="image", data=str()):
                yield part


def _begins(part: Part, group: list[Part]) -> bool:
    """Whether a part needs a new message, given the content of the last one."""
    has_call = any(isinstance(p, ToolCall) for p in group)
    if isinstance(part, Thinking):
        return not all(isinstance(p, Thinking) for p in group)
    if isinstance(part, Text):
        return any(not isinstance(p, Thinking) for p in group)
    return isinstance(part, Media) and has_call
