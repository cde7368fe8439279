"""Reads and writes content blocks, which requests and responses share.

Source: API reference, "Messages".
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.anthropic.client_tools import TOOLSET
from switchyard.wire.formats.anthropic.members import Members
from switchyard.wire.formats.anthropic.words import block_words
from switchyard.wire.formats.anthropic.words import joined
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.custom_tools import INPUT
from switchyard.wire.shared.envelope import CallProof
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import seal_call
from switchyard.wire.shared.envelope import unseal
from switchyard.wire.shared.words import as_content

NAME = "anthropic"

SEALED = "sealed"
"""Form of another API's thinking that a client of this format receives. An envelope takes the place
of the signature, even without a proof, so that the router recognises the block when the client
sends it back."""

IN_DOCUMENT = "in-document"
"""Form of an image that is part of a document's own content, which stands before it."""


def read_blocks(blocks: Sequence[Any], *, history: bool = False) -> tuple[Part, ...]:
    """Returns the parts of some content; see `read_block`.

    A block of redacted thinking may carry the proof of a call; the proof is attached to its call.
    """
    parts: list[Part] = []
    proofs: dict[str, CallProof] = {}
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "redacted_thinking":
            proof = unseal(block.get("data"))
            if isinstance(proof, CallProof):
                proofs[proof.call_id] = proof
                continue
        parts.append(read_block(block, history=history))
        if history and block.get("type") == "document":
            parts += _pictures_of(block.get("source"))
    if not proofs:
        return tuple(parts)
    return tuple(
        altered(part, signature=proof.signature, signer=proof.signer)
        if isinstance(part, ToolCall) and (proof := proofs.get(part.id))
        else part
        for part in parts
    )


def read_block(block: JsonObject, *, history: bool = False) -> Part:
    """Returns one content block as a part; a type unknown to the model is `Opaque`.

    In a request (`history`) such a block gets a readable rendering if it has text that the model
    would otherwise miss (see `words`).
    """
    match block.get("type"):
        case "text":
            return _read_text(block)
        case "thinking":
            return _read_thinking(block)
        case "redacted_thinking" if isinstance(block.get("data"), str):
            return _read_redacted(block)
        case "tool_use":
            return read_tool_use(block)
        case "tool_result" if isinstance(block.get("tool_use_id"), str):
            return _read_tool_result(block)
        case "image" | "document" if isinstance(block.get("source"), dict):
            return _read_media(block)
        case kind:
            text = block_words(block) if history else None
            return Opaque(format=NAME, kind=str(kind), raw=block, text=text)


def _read_text(block: JsonObject) -> Text:
    members = Members(block, "type", "text")
    citations = members.take_filled("citations", list)
    return Text(
        text=_text(block, "text"),
        citations=tuple(map(read_citation, citations)) if citations else (),
        cache=members.take("cache_control", dict),
        extra=members.rest(),
    )


def _text(block: JsonObject, key: str) -> str:
    text = block.get(key)
    return text if isinstance(text, str) else ""


def read_citation(raw: Any) -> Citation:
    """Returns a citation of any kind.

    Only citations of web search results, and of search results whose source is an address, have a
    `url`; the others point into documents of the request.
    """
    if not isinstance(raw, dict):
        return Citation(format=NAME, raw={})
    url = raw.get("url") or raw.get("source")
    return Citation(
        url=url if isinstance(url, str) and "://" in url else None,
        title=raw.get("title") or raw.get("document_title"),
        cited_text=raw.get("cited_text"),
        format=NAME,
        raw=raw,
    )


def write_citation(citation: Citation) -> JsonObject | None:
    """Returns a citation as a response holds it.

    Returns None if it has no address and comes from another format. The API's types require
    `encrypted_index`, which clients do not evaluate.
    """
    if citation.format == NAME:
        return citation.raw
    if not citation.url:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.cited_text or "",
        "encrypted_index": "",
    }


def _read_thinking(block: JsonObject) -> Thinking:
    members = Members(block, "type", "thinking")
    text = _text(block, "thinking")
    signature = members.take_filled("signature", str)
    if is_sealed(signature):
        return _unsealed(text, signature)
    return Thinking(
        text=text,
        signature=signature,
        signer=NAME if signature else None,
        extra=members.rest(),
    )


def _unsealed(text: str, proof: str) -> Thinking:
    """Returns thinking of another format as it was before it was sealed.

    Only the visible text remains of a damaged envelope.
    """
    thinking = unseal(proof)
    if not isinstance(thinking, Thinking):
        return Thinking(text=text, form=SEALED)
    return altered(thinking, text=thinking.text or text, form=SEALED)


def _read_redacted(block: JsonObject) -> Part:
    data = block["data"]
    if not is_sealed(data):
        extra = Members(block, "type", "data").rest()
        return Thinking(redacted=data, signer=NAME, extra=extra)
    if isinstance(unseal(data), CallProof):
        return Opaque(format=NAME, kind="redacted_thinking", raw=block)
    return _unsealed("", data)


def read_tool_use(block: JsonObject) -> ToolCall:
    """Returns a call of a client tool.

    `input` is an object; a text is taken as the arguments' JSON.
    """
    members = Members(block, "type", "id", "name", "input")
    arguments = block.get("input")
    if not isinstance(arguments, str):
        arguments = dumps(arguments).decode() if arguments is not None else ""
    return ToolCall(
        id=str(block.get("id") or ""),
        name=str(block.get("name") or ""),
        arguments=arguments,
        namespace=_text(block, TOOLSET) or None,
        cache=members.take("cache_control", dict),
        extra=members.rest(),
    )


def _read_tool_result(block: JsonObject) -> ToolResult:
    members = Members(block, "type", "tool_use_id", "content")
    given = block.get("content")
    content = as_content(given)
    form = "absent"
    parts: tuple[Part, ...] = ()
    if isinstance(content, str):
        form, parts = "string", (Text(text=content),)
    elif content is not None:
        blocks = [{"type": "text", "text": b} if isinstance(b, str) else b for b in content]
        form, parts = "", read_blocks(blocks, history=True)
    extra = members.rest()
    if content is not given or (given is None and "content" in block):
        form, extra = "absent", {**extra, "content": given}
    return ToolResult(
        call_id=block["tool_use_id"],
        parts=parts,
        is_error=members.take("is_error", bool),
        cache=members.take("cache_control", dict),
        extra=extra,
        form=form,
    )


def _read_media(block: JsonObject) -> Media:
    members = Members(block, "type", "source")
    source: JsonObject = block["source"]
    media, known = _read_source(block["type"], source)
    if media.kind == "document":
        media = _read_document(media, block, members)
    cache = members.take("cache_control", dict)
    extra = members.rest()
    return altered(media, cache=cache, extra=extra if known else {**extra, "source": source})


def _pictures_of(source: Any) -> Iterator[Media]:
    """The images within a document whose source is content; other formats have them beside it."""
    content = source.get("content") if isinstance(source, dict) else None
    if not isinstance(content, list) or source.get("type") != "content":
        return
    for block in content:
        if isinstance(block, dict) and block.get("type") == "image":
            inner = block.get("source")
            if isinstance(inner, dict):
                media, _ = _read_source("image", inner)
                yield altered(media, form=IN_DOCUMENT)


def _read_document(media: Media, block: JsonObject, members: Members) -> Media:
    switch = block.get("citations")
    citations: bool | None = None
    if isinstance(switch, dict) and set(switch) == {"enabled"}:
        citations = members.take("citations", dict)["enabled"]
    return altered(
        media,
        name=members.take("title", str),
        context=members.take("context", str),
        citations=citations,
    )


def _read_source(kind: Literal["image", "document"], source: JsonObject) -> tuple[Media, bool]:
    """Returns the location of a source's bytes, and whether that covers every member."""
    media_type = text_of(source.get("media_type")) or None
    match source:
        case {"type": "base64", "data": str(data)}:
            media = Media(kind=kind, data=data, media_type=media_type)
        case {"type": "url", "url": str(url)}:
            media = Media(kind=kind, url=url)
        case {"type": "file", "file_id": str(file_id)}:
            media = Media(kind=kind, file_id=file_id)
        case {"type": "text", "data": str(text)}:
            media = Media(kind=kind, text=text, media_type=media_type)
        case {"type": "content", "content": str() | list() as content}:
            return Media(kind=kind, text=joined(content) or None), False
        case _:
            return Media(kind=kind), False
    return media, _write_source(media) == source


def write_blocks(parts: Sequence[Part]) -> list[JsonObject]:
    """Returns the content blocks of some parts, without parts that have no block type."""
    blocks: list[JsonObject] = []
    for part in parts:
        if isinstance(part, ToolCall) and (proof := call_proof(part)) is not None:
            blocks.append(proof)
        if (block := write_block(part)) is not None:
            blocks.append(block)
    return blocks


def call_proof(call: ToolCall) -> JsonObject | None:
    """Returns the block that carries another format's proof of a call.

    A client of this format sends the block back with the conversation.
    """
    if not call.signature or call.signer in (None, NAME):
        return None
    return {"type": "redacted_thinking", "data": seal_call(call)}


def write_block(part: Part) -> JsonObject | None:
    """Returns one content block, or None if this format has no block for the part.

    Writes `extra` unchanged, so a part read from another format must not have any.
    """
    match part:
        case Text():
            block = {"type": "text", "text": part.text, **part.extra}
            if citations := [c for c in map(write_citation, part.citations) if c]:
                block["citations"] = citations
        case Thinking():
            return _write_thinking(part)
        case ToolCall():
            block = {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": arguments_object(part),
                **part.extra,
            }
        case ToolResult():
            block = _write_tool_result(part)
        case Media(form=form) if form == IN_DOCUMENT:
            return None
        case Media(kind="image" | "document"):
            block = _write_media(part)
        case Refusal():
            return {"type": "text", "text": part.text}
        case Opaque(format=format, raw=raw) if format == NAME:
            return raw
        case Opaque(text=str(text)):
            return {"type": "text", "text": text}
        case _:
            return None
    if part.cache is not None:
        block["cache_control"] = part.cache
    return block


def _write_thinking(part: Thinking) -> JsonObject:
    if part.redacted and not part.text:
        data = part.redacted if part.form != SEALED else seal(part)
        return {"type": "redacted_thinking", "data": data, **part.extra}
    block = {"type": "thinking", "thinking": part.text, **part.extra}
    if (signature := thinking_signature(part)) or "signature" not in block:
        block["signature"] = signature
    return block


def thinking_signature(part: Thinking) -> str:
    """Returns the value of `signature`, which the API's types require; "" if unknown."""
    return seal(part) if part.form == SEALED else part.signature or ""


def arguments_object(call: ToolCall) -> JsonObject:
    """Returns a call's arguments as the object that `input` must be.

    The free text of a custom tool becomes its single argument (see `custom_tools`). Broken JSON is
    kept as text.
    """
    if call.kind == "custom":
        return {INPUT: call.arguments}
    return as_object(call.arguments)


def _write_tool_result(part: ToolResult) -> JsonObject:
    block: JsonObject = {"type": "tool_result", "tool_use_id": part.call_id, **part.extra}
    if part.form == "string":
        block["content"] = part.text
    elif part.form != "absent":
        block["content"] = write_blocks(part.parts)
    if part.is_error is not None:
        block["is_error"] = part.is_error
    return block


def _write_media(part: Media) -> JsonObject:
    block: JsonObject = {"type": part.kind, "source": _write_source(part), **part.extra}
    if part.kind == "document":
        if part.name is not None:
            block["title"] = part.name
        if part.context is not None:
            block["context"] = part.context
        if part.citations is not None:
            block["citations"] = {"enabled": part.citations}
    return block


def _write_source(part: Media) -> JsonObject:
    if part.data is not None:
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    return {"type": "text", "media_type": part.media_type or "text/plain", "data": part.text or ""}
