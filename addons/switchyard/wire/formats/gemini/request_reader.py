"""Reads a `GenerateContent` request.

Source: reference, "Method: models.generateContent".
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.carrier import carried
from switchyard.wire.formats.gemini.carrier import put_back
from switchyard.wire.formats.gemini.config import read_config
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.formats.gemini.parts import read_call
from switchyard.wire.formats.gemini.parts import read_media_or_opaque
from switchyard.wire.formats.gemini.parts import read_result
from switchyard.wire.formats.gemini.parts import read_text
from switchyard.wire.formats.gemini.spelling import camel_case
from switchyard.wire.formats.gemini.spelling import snake_names
from switchyard.wire.formats.gemini.tools import read_tool_choice
from switchyard.wire.formats.gemini.tools import read_tools
from switchyard.wire.formats.gemini.words import part_words
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.call_ids import HistoryIds

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user"}

_READ = (
    "model",
    "stream",
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
)


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation; raises BadRequest on a body that breaks the rules."""
    spelled, body = body, camel_case(body)
    turns = _read_system(body.get("systemInstruction"))
    ids = HistoryIds()
    contents = body.get("contents")
    if isinstance(contents, str | dict):
        contents = [contents]
    if not isinstance(contents, list):
        raise BadRequest("'contents' must be a list of contents with role and parts", "contents")
    turns += [_read_content(raw, ids, f"contents[{i}]") for i, raw in enumerate(contents)]
    config = body.get("generationConfig")
    fields = read_config(object_of(config))
    extra: JsonObject = {}
    if isinstance(config, dict):
        extra["generationConfig"] = fields["extra"]
    del fields["extra"]
    tool_config = body.get("toolConfig")
    choice, left = read_tool_choice(object_of(tool_config))
    if isinstance(tool_config, dict):
        extra["toolConfig"] = left
    if left := rest(body, *_READ):
        extra["body"] = left
    if body is not spelled:
        extra["snake"] = snake_names(spelled)
    if isinstance(body.get("tools"), dict):
        extra["single"] = True
    model, stream = body.get("model"), body.get("stream")
    return Conversation(
        format=NAME,
        model=model.removeprefix("models/") if isinstance(model, str) else "",
        stream=stream if isinstance(stream, bool) else None,
        turns=tuple(turns),
        tools=read_tools(body.get("tools")),
        tool_choice=choice,
        extra=owned(extra),
        **fields,
    )


def _read_system(raw: Any) -> list[Turn]:
    """Returns the system instruction as the first turn."""
    if raw is None:
        return []
    if isinstance(raw, str):
        return [Turn(role="system", parts=(Text(text=raw),), form="text")]
    if not isinstance(raw, dict):
        raise BadRequest("'systemInstruction' must be a content with parts", "systemInstruction")
    parts = _read_parts(raw, HistoryIds(), "systemInstruction")
    return [Turn(role="system", parts=tuple(parts), extra=owned(rest(raw, "parts")))]


def _read_content(raw: Any, ids: HistoryIds, where: str) -> Turn:
    if isinstance(raw, str):
        return Turn(role="user", parts=(Text(text=raw),), form="text")
    if not isinstance(raw, dict):
        raise BadRequest("a content must be an object with role and parts", where)
    word = raw.get("role")
    role = _ROLES.get(word or "user") if word is None or isinstance(word, str) else None
    if role is None:
        raise BadRequest(
            f"{word!r} is not a role; the roles are 'user' and 'model'", f"{where}.role"
        )
    parts = _read_parts(raw, ids, where)
    form = "" if word in ("user", "model") else "no-role" if "role" not in raw else f"role:{word}"
    extra = rest(raw, "role", "parts") if parts else rest(raw, "role")
    return Turn(role=role, parts=tuple(parts), extra=owned(extra), form=form)


def _read_parts(content: JsonObject, ids: HistoryIds, where: str) -> list[Part]:
    raw_parts = content.get("parts")
    if isinstance(raw_parts, dict | str):
        raw_parts = [raw_parts]
    if raw_parts is None:
        return []
    if not isinstance(raw_parts, list):
        raise BadRequest("'parts' must be a list", f"{where}.parts")
    parts: list[Part] = []
    for i, raw in enumerate(raw_parts):
        if isinstance(raw, str):
            raw = {"text": raw}
        if not isinstance(raw, dict):
            raise BadRequest("a part must be an object", f"{where}.parts[{i}]")
        _read_part(raw, ids, parts)
    return parts


def _read_part(raw: JsonObject, ids: HistoryIds, parts: list[Part]) -> None:
    if "functionCall" in raw:
        said = object_of(raw["functionCall"])
        call = read_call(raw, ids.call(text_of(said.get("id")), text_of(said.get("name"))))
        if pieces := carried(call.signature):
            put_back(parts, pieces)
            call = _signed_elsewhere(call)
        parts.append(call)
    elif "functionResponse" in raw:
        said = object_of(raw["functionResponse"])
        call_id = ids.result(text_of(said.get("id")), text_of(said.get("name")))
        parts.append(read_result(raw, call_id))
    elif isinstance(raw.get("text"), str) or raw.keys() == {"thoughtSignature"}:
        parts.append(read_text(raw))
    else:
        part = read_media_or_opaque(raw)
        if isinstance(part, Opaque):
            part = altered(part, text=part_words(raw))
        parts.append(part)


def _signed_elsewhere(call: ToolCall) -> ToolCall:
    """Returns a call without a signature that only carried another provider's proofs."""
    said = own(call.extra)
    stand_in = {**said.get("part", EMPTY), "thoughtSignature": NO_SIGNATURE}
    extra = owned({**said, "part": stand_in})
    return altered(call, signature=None, signer=None, extra=extra)
