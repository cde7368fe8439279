"""Reads the blocks of content that the model writes (API reference, "ContentBlock")."""

from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.converse.media import read_media
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall


def read_blocks(content: Any) -> Iterator[Part]:
    """Yields the parts that blocks hold; marks of caches and unknown blocks are none."""
    for block in objects_of(content):
        if isinstance(text := block.get("text"), str):
            yield Text(text=text)
        elif call := object_of(block.get("toolUse")):
            yield read_call(call, dumps(object_of(call.get("input"))).decode())
        elif said := object_of(block.get("reasoningContent")):
            yield _reasoning(said)
        elif cited := object_of(block.get("citationsContent")):
            yield _cited(cited)
        elif (media := read_media(block)) is not None:
            yield media
        elif "toolResult" in block:
            yield Opaque(format=NAME, kind="toolResult", raw=block)


def read_call(call: JsonObject, arguments: str = "") -> ToolCall | Opaque:
    """Returns a call; one with a type runs at the provider, and no client is to run it."""
    if call.get("type"):
        return Opaque(format=NAME, kind="toolUse", raw={"toolUse": call})
    id, name = text_of(call.get("toolUseId")), text_of(call.get("name"))
    return ToolCall(id=id, name=name, arguments=arguments)


def read_citation(raw: JsonObject) -> Citation:
    """Returns a citation; only those of the web have an address."""
    location = object_of(raw.get("location"))
    said = (text_of(one.get("text")) for one in objects_of(raw.get("sourceContent")))
    return Citation(
        url=text_of(object_of(location.get("web")).get("url")) or None,
        title=text_of(raw.get("title")) or None,
        cited_text="".join(said) or None,
        format=NAME,
        raw=raw,
    )


def _reasoning(said: JsonObject) -> Thinking:
    if redacted := text_of(said.get("redactedContent")):
        return Thinking(redacted=redacted, signer=NAME)
    inner = object_of(said.get("reasoningText"))
    signature = text_of(inner.get("signature")) or None
    return Thinking(
        text=text_of(inner.get("text")), signature=signature, signer=NAME if signature else None
    )


def _cited(said: JsonObject) -> Text:
    return Text(
        text="".join(text_of(one.get("text")) for one in objects_of(said.get("content"))),
        citations=tuple(map(read_citation, objects_of(said.get("citations")))),
    )
