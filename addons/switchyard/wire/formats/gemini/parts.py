"""Reads and writes parts, which requests and responses share (reference, `Part`)."""

from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.media import read_media
from switchyard.wire.formats.gemini.media import write_media
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.call_ids import is_made_up
from switchyard.wire.shared.custom_tools import INPUT

_NO_ARGUMENTS = "gemini-no-args"
"""Form of a call without `args`, which equals empty ones."""

_NO_TEXT = "gemini-no-text"
"""Form of a part that holds only a signature."""

_RESULT_KEYS = ("output", "result")
"""Members of a function's response that hold the result itself: `output` by the reference,
`result` by the guides and the SDKs."""


def read_text(raw: JsonObject) -> Text | Thinking:
    """Reads a part with `text`, or with only a signature."""
    text = text_of(raw.get("text"))
    if raw.get("thought") is True:
        signature = text_of(raw.get("thoughtSignature")) or None
        return Thinking(
            text=text,
            signature=signature,
            signer=NAME if signature else None,
            extra=owned(rest(raw, "text", "thought", "thoughtSignature")),
        )
    return Text(text=text, extra=owned(rest(raw, "text")), form="" if "text" in raw else _NO_TEXT)


def read_call(raw: JsonObject, call_id: str) -> ToolCall:
    """Reads a part with `functionCall`."""
    call = object_of(raw["functionCall"])
    signature = text_of(raw.get("thoughtSignature")) or None
    args = call.get("args")
    if args and isinstance(args, str):
        args = as_object(args)  # gateways write the text that Chat has for them
    said: JsonObject = {}
    if left := rest(call, "id", "name", "args"):
        said["call"] = left
    if left := rest(raw, "functionCall", "thoughtSignature"):
        said["part"] = left
    if signature == NO_SIGNATURE:
        said["part"] = {**said.get("part", EMPTY), "thoughtSignature": signature}
        signature = None
    return ToolCall(
        id=call_id,
        name=text_of(call.get("name")),
        arguments=dumps(args).decode() if isinstance(args, dict) else "{}",
        signature=signature,
        signer=NAME if signature else None,
        extra=owned(said),
        form="" if isinstance(args, dict) else _NO_ARGUMENTS,
    )


def read_result(raw: JsonObject, call_id: str) -> ToolResult:
    """Reads a part with `functionResponse`."""
    response = object_of(raw["functionResponse"])
    parts: list[Part] = list(_read_output(response.get("response")))
    parts.extend(
        read_media(media)
        for media in objects_of(response.get("parts"))
        if "inlineData" in media or "fileData" in media
    )
    said: JsonObject = {"result": rest(response, "name", "parts")}
    if left := rest(raw, "functionResponse"):
        said["part"] = left
    return ToolResult(
        call_id=call_id,
        parts=tuple(parts),
        is_error=True if _error_of(response.get("response")) is not None else None,
        name=text_of(response.get("name")) or None,
        extra=owned(said),
    )


def read_media_or_opaque(raw: JsonObject) -> Part:
    """Reads any other part.

    Tools that run at Google, and unknown parts, become `Opaque`, which only Gemini's writer writes.
    """
    if ("inlineData" in raw or "fileData" in raw) and raw.get("thought") is not True:
        return read_media(raw)
    kind = next((key for key in raw if key not in ("thought", "thoughtSignature")), "part")
    return Opaque(format=NAME, kind=kind, raw=raw)


def write_text(part: Text) -> JsonObject:
    if part.form == _NO_TEXT:
        return dict(own(part.extra))
    return {"text": part.text, **own(part.extra)}


def write_thought(part: Thinking) -> JsonObject:
    """Returns a thought, with its signature only if that is Gemini's own."""
    written: JsonObject = {"text": part.text, "thought": True, **own(part.extra)}
    if part.signature and part.signer == NAME:
        written["thoughtSignature"] = part.signature
    return written


def write_call(
    part: ToolCall, name: str, signature: str | None = None, *, answer: bool = False
) -> JsonObject:
    """Returns a call of the function `name`.

    `signature` applies if the call has none of Gemini's own. Clients receive generated ids (in an
    `answer`), Gemini does not.
    """
    said = own(part.extra)
    call: JsonObject = {"name": name}
    if answer or not is_made_up(part.id):
        call = {"id": part.id, **call}
    if part.form != _NO_ARGUMENTS:
        call["args"] = arguments_of(part)
    written: JsonObject = {"functionCall": {**call, **said.get("call", EMPTY)}}
    if part.signature and part.signer == NAME:
        signature = part.signature
    if signature:
        written["thoughtSignature"] = signature
    return {**written, **said.get("part", EMPTY)}


def arguments_of(part: ToolCall) -> JsonObject:
    """Returns a call's arguments as an object.

    Wraps broken JSON and values of another type in an object.
    """
    if part.kind == "custom":
        return {INPUT: part.arguments}
    return as_object(part.arguments)


def write_result(part: ToolResult, name: str) -> JsonObject:
    """Returns the result of a function, with its images and files."""
    said = own(part.extra)
    result: JsonObject = {"name": name}
    if "result" in said:
        result.update(said["result"])
    else:
        if not is_made_up(part.call_id):
            result["id"] = part.call_id
        result["response"] = _write_output(part)
    media = [write_media(inner) for inner in part.parts if isinstance(inner, Media)]
    if written := [raw for raw in media if raw is not None]:
        result["parts"] = written
    return {"functionResponse": result, **said.get("part", EMPTY)}


def _read_output(response: object) -> list[Text]:
    """Returns the text of a function's response.

    This is `output` or `error` if it is the only member, otherwise the whole as JSON.
    """
    if not response:
        return []
    if not isinstance(response, dict):
        return [Text(text=_words(response))]
    error = _error_of(response)
    if error is not None:
        return [Text(text=_words(error))]
    if len(response) == 1:
        key, value = next(iter(response.items()))
        if key in _RESULT_KEYS:
            several = key == "output" and isinstance(value, list) and len(value) > 1
            if several and all(isinstance(item, str) for item in value):
                return [Text(text=item) for item in value]
            return [Text(text=_words(value))]
    return [Text(text=_words(response))]


def _error_of(response: object) -> object | None:
    """Returns what a function's response reports as an error, or None."""
    if not isinstance(response, dict) or len(response) != 1:
        return None
    return response.get("error")


def _words(value: object) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _write_output(part: ToolResult) -> JsonObject:
    """Returns a text as one text even if it is JSON.

    Gemini 3 resolves references (`$ref`) in responses that are objects, and refuses unknown ones.
    """
    words = [p.text for p in part.parts if isinstance(p, Text | Opaque) and p.text is not None]
    if part.is_error:
        return {"error": "\n".join(words)}
    if len(words) > 1:
        return {"output": words}
    return {"output": words[0]} if words else {}


def write_other(part: Part) -> Iterator[JsonObject]:
    """Writes a refusal, media, or a part that only Gemini has."""
    match part:
        case Refusal(text=text) if text:
            yield {"text": text}
        case Media():
            if (raw := write_media(part)) is not None:
                yield raw
        case Opaque() if part.format == NAME:
            yield part.raw
        case Opaque(text=str() as text) if text:
            yield {"text": text}
