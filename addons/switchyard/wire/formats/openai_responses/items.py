"""Reads and writes items: messages, reasoning, tool calls and their outputs.

API reference, "Responses": `input` items and `output` items have the same shapes. Each function
reads one item into its parts, or writes one; the modules of requests and replies assemble items
into turns.
"""

from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.formats.openai_responses.content import read_content
from switchyard.wire.formats.openai_responses.content import write_part
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import restored
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.envelope import CallProof
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import unseal
from switchyard.wire.shared.words import as_content

_MESSAGE = frozenset({"role", "content"})
_CALL = frozenset({"type", "call_id", "name", "namespace", "arguments"})
_CUSTOM_CALL = frozenset({"type", "call_id", "name", "namespace", "input"})
_OUTPUT = frozenset({"type", "call_id", "name", "output"})
_REASONING = frozenset({"type", "id", "encrypted_content"})

SEPARATOR = "\n\n"
"""Separates the parts of a reasoning summary, each of which is a paragraph with a heading."""

_MEDIA_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}


def read_message(item: JsonObject) -> list[Part]:
    """Returns the parts of an assistant's message.

    The first part records that a message begins with it, and holds the message's other members (id,
    status, phase).
    """
    parts = read_content(item.get("content"), "output")
    message = rest(item, _MESSAGE)
    if not parts:
        return [Text(text="", extra=owned({"message": message, "empty": item.get("content")}))]
    first = parts[0]
    if isinstance(first, Text | Refusal | Media):
        parts[0] = altered(first, extra=owned({**own(first.extra), "message": message}))
    else:
        parts.insert(0, Text(text="", extra=owned({"message": message, "hollow": True})))
    return parts


def begins_message(part: Part) -> bool:
    """Whether a part is the first one of an item of its own."""
    return "message" in own(getattr(part, "extra", EMPTY))


def is_hollow(part: Part) -> bool:
    """Whether a part is a placeholder for a message that begins without text."""
    return "hollow" in own(getattr(part, "extra", EMPTY))


def write_message(parts: list[Part]) -> JsonObject:
    """Returns a message item of the assistant for the parts up to the next message."""
    said = own(getattr(parts[0], "extra", EMPTY))
    written: JsonObject = {**said.get("message", EMPTY), "role": "assistant"}
    if "message" not in said:
        written = {"type": "message", "role": "assistant"}
        texts = [part.text for part in parts if isinstance(part, Text)]
        if len(texts) == len(parts):
            # Every provider accepts this spelling, without the ids that a full output item has.
            return {**written, "content": "".join(texts)}
    if said.get("string") and len(parts) == 1 and isinstance(parts[0], Text):
        return {**written, "content": parts[0].text}
    if "empty" in said:
        return {**written, "content": said["empty"]}
    if "hollow" in said:
        parts = parts[1:]
    content = [c for part in parts if (c := write_part(part, "output")) is not None]
    return {**written, "content": content}


def read_reasoning(item: JsonObject) -> Thinking | CallProof | Opaque:
    """Returns the part in a reasoning item: thinking, or a tool call's proof.

    An item that holds nothing but its id has a meaning only for the provider that stored it.
    """
    source = "content" if _joined(item.get("content")) else "summary"
    entries = item.get(source)
    words = _joined(entries)
    proof = item.get("encrypted_content")
    sealed = unseal(proof)
    if isinstance(sealed, CallProof):
        return sealed
    if not words and not (proof and isinstance(proof, str)):
        return Opaque(format=NAME, kind="reasoning", raw=item)
    if sealed is not None:
        words = sealed.text or words
    elif is_sealed(proof):
        sealed, proof = Thinking(), None
    said: JsonObject = {"item": rest(item, _REASONING | {source})}
    if source == "content":
        said["source"] = source
    if entries != _entries(source, words):
        said["entries"] = entries
    if sealed is not None:
        said["sealed"] = True
        signature, redacted, signer = sealed.signature, sealed.redacted, sealed.signer
        # An id that was made for this item alone has no meaning for the proof's provider.
        made = sealed.dialect is not None and sealed.id == item.get("id")
        id = None if made else sealed.id or text_of(item.get("id")) or None
    else:
        proof = text_of(proof) or None
        signature, redacted = (proof, None) if words else (None, proof)
        signer = NAME if proof else None
        id = text_of(item.get("id")) or None
    return Thinking(
        text=words,
        signature=signature,
        redacted=redacted,
        signer=signer,
        id=id,
        summary=source == "summary",
        dialect=sealed.dialect if sealed is not None else None,
        extra=owned(said),
    )


def write_reasoning(part: Thinking, sealed: Thinking | None = None) -> JsonObject:
    """Returns a reasoning item.

    Text becomes a summary, which every client shows. A proof that another format signed goes into
    an envelope, as that of `sealed` if the item has another id.
    """
    said = own(part.extra)
    source = said.get("source", "summary")
    entries = _entries(source, part.text)
    if "entries" in said and _joined(said["entries"]) == part.text:
        entries = said["entries"]
    written: JsonObject = {"type": "reasoning"}
    if part.id:
        written["id"] = part.id
    if entries is not None:
        written[source] = entries
    if proof := encrypted_content(sealed or part):
        written["encrypted_content"] = proof
    return restored(written, said.get("item"))


def encrypted_content(part: Thinking) -> str | None:
    """Returns the proof that must return: this format's own, or an envelope."""
    proof = part.signature or part.redacted
    if part.signer == NAME and proof:
        return proof
    if not proof and own(part.extra) and "sealed" not in own(part.extra):
        return None
    return seal(part)


def read_call(item: JsonObject) -> ToolCall:
    """Returns a `function_call` or `custom_tool_call` for the client to run."""
    custom = item.get("type") == "custom_tool_call"
    member = "input" if custom else "arguments"
    value = item.get(member)
    said: JsonObject = {"item": rest(item, _CUSTOM_CALL if custom else _CALL)}
    if value is not None and not isinstance(value, str):
        said["json"] = True
        value = dumps(value).decode()
    return ToolCall(
        id=text_of(item.get("call_id")) or text_of(item.get("id")),
        name=text_of(item.get("name")),
        arguments=value or "",
        kind="custom" if custom else "function",
        namespace=text_of(item.get("namespace")) or None,
        extra=owned(said),
    )


def write_call(call: ToolCall) -> JsonObject:
    """Returns a call item; an id and status only if it was read with them."""
    custom = call.kind == "custom"
    said = own(call.extra)
    written: JsonObject = {
        "type": "custom_tool_call" if custom else "function_call",
        "call_id": call.id,
        "name": call.name,
    }
    if call.namespace:
        written["namespace"] = call.namespace
    value = loads(call.arguments) if said.get("json") else call.arguments
    written["input" if custom else "arguments"] = value
    if not custom and not said:
        written["arguments"] = settled(call.arguments)
    return restored(written, said.get("item"))


def read_output(item: JsonObject) -> ToolResult:
    """Returns a `function_call_output` or `custom_tool_call_output`."""
    output = item.get("output")
    said: JsonObject = {"item": rest(item, _OUTPUT)}
    if output is None or (isinstance(output, list) and not output):
        said["output"] = output
    elif (told := as_content(output)) is not output:
        said["output"] = output
        output = told
    elif isinstance(output, str) and (unpacked := _unpacked(output)):
        said["output"] = output
        output = unpacked
    return ToolResult(
        call_id=text_of(item.get("call_id")),
        parts=tuple(read_content(output, "input")),
        name=text_of(item.get("name")) or None,
        kind="custom" if item.get("type") == "custom_tool_call_output" else "function",
        extra=owned(said),
    )


def write_output(result: ToolResult, kind: str | None = None) -> JsonObject:
    """Returns an output item; `kind` is that of the call it answers, if known."""
    said = own(result.extra)
    custom = (kind or result.kind) == "custom"
    written: JsonObject = {
        "type": "custom_tool_call_output" if custom else "function_call_output",
        "call_id": result.call_id,
        "output": said["output"] if "output" in said else _write_output(result, bool(said)),
    }
    if said and result.name:
        written["name"] = result.name
    return restored(written, said.get("item"))


def read_image(item: JsonObject) -> Media | Opaque:
    """Returns an image that a hosted tool made, as a part of the answer."""
    data = item.get("result")
    if not isinstance(data, str) or not data:
        return Opaque(format=NAME, kind="image_generation_call", raw=item)
    word = text_of(item.get("output_format")) or "png"
    return Media(
        kind="image",
        media_type=_MEDIA_TYPES.get(word, f"image/{word}"),
        data=data,
        extra=owned({"item": rest(item, {"result"})}),
    )


def write_image(part: Media) -> JsonObject:
    """Returns the item of an image in an answer; an id only if it was read with one."""
    if said := own(part.extra).get("item"):
        return {**said, "result": part.data}
    word = (part.media_type or "image/png").removeprefix("image/")
    return {
        "type": "image_generation_call",
        "status": "completed",
        "output_format": word,
        "result": part.data,
    }


def _write_output(result: ToolResult, is_own: bool) -> Any:
    """Returns a text alone as a string, anything else as a list of parts."""
    parts = result.parts
    if not parts:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Text):
        if not is_own or own(parts[0].extra).get("string"):
            return parts[0].text
    return [c for part in parts if (c := write_part(part, "input")) is not None]


def _unpacked(output: str) -> list[JsonObject] | None:
    """Returns the content parts that a text holds as JSON, with an image among them.

    Returns None for any other text. Codex writes the result of its `view_image` in this form; as
    text an image costs a hundred times the tokens, and the model cannot see it.
    """
    if not output.startswith("[") or '"input_image"' not in output:
        return None
    try:
        parts = loads(output)
    except ValueError:
        return None
    types = {part.get("type") for part in objects_of(parts)}
    whole = isinstance(parts, list) and len(objects_of(parts)) == len(parts)
    return parts if whole and types <= {"input_text", "input_image", "input_file"} else None


def _joined(entries: Any) -> str:
    return SEPARATOR.join(text_of(e.get("text")) for e in objects_of(entries))


def _entries(source: str, words: str) -> list[JsonObject] | None:
    """Returns the list that holds `words` in one entry.

    An item always has a summary, and content only if there is some.
    """
    if not words:
        return [] if source == "summary" else None
    return [{"type": f"{'summary' if source == 'summary' else 'reasoning'}_text", "text": words}]
