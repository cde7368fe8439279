"""Reads and writes a response's sources.

`groundingMetadata` holds those of a search, `citationMetadata` those of recitation. Offsets count
bytes of the part's UTF-8 text, or of the whole response if no part is named; the neutral model
counts characters.
"""

import re
from collections.abc import Iterable
from collections.abc import Sequence

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.model.conversation import Citation

_BY_PROMPT = re.compile(r"(?:models/)?gemini-[12](?:\.|-|$)")
"""Models whose searches are billed by the prompt."""


def read_citations(candidate: JsonObject, text: str) -> list[Citation]:
    """Returns the web sources that a candidate names for its `text`, in order.

    Sources that no segment of text refers to come last.
    """
    grounding = object_of(candidate.get("groundingMetadata"))
    chunks = [_source(chunk) for chunk in objects_of(grounding.get("groundingChunks"))]
    data = text.encode("utf-8", "surrogatepass") if not text.isascii() else None
    found: list[Citation] = []
    used: set[int] = set()
    for support in objects_of(grounding.get("groundingSupports")):
        segment = object_of(support.get("segment"))
        indexes = support.get("groundingChunkIndices")
        for index in indexes if isinstance(indexes, list) else ():
            if isinstance(index, int) and 0 <= index < len(chunks) and chunks[index]:
                used.add(index)
                found.append(_citation(chunks[index], segment, data))
    found += [
        _citation(source, {}, data)
        for index, source in enumerate(chunks)
        if source and index not in used
    ]
    recitations = object_of(candidate.get("citationMetadata"))
    for key in ("citationSources", "citations"):
        for source in objects_of(recitations.get(key)):
            if text_of(source.get("uri")):
                found.append(_citation(source, source, data))
    return found


def write_citations(texts: Sequence[tuple[str, Sequence[Citation]]]) -> JsonObject | None:
    """Returns a `groundingMetadata` with the web sources of a response's texts.

    `texts` come with their citations, in order. Returns None without sources.
    """
    chunks: dict[tuple[str, str | None], int] = {}
    supports: list[JsonObject] = []
    before = 0
    for text, citations in texts:
        for citation in citations:
            if citation.url is None:
                continue
            index = chunks.setdefault((citation.url, citation.title), len(chunks))
            support: JsonObject = {"groundingChunkIndices": [index]}
            if segment := _segment(citation, text, before):
                support["segment"] = segment
            supports.append(support)
        before += _bytes(text)
    if not chunks:
        return None
    sources = [{"web": {"uri": url, **_title(title)}} for url, title in chunks]
    return {"groundingChunks": sources, "groundingSupports": supports}


def with_metadata(candidate: JsonObject, beside: JsonObject) -> JsonObject:
    """Adds what ran at the provider to a candidate of another format's response.

    The sources that its text cites take precedence, because segments refer to them by index.
    """
    joined = dict(candidate)
    for name in ("groundingMetadata", "urlContextMetadata"):
        if found := object_of(beside.get(name)):
            joined[name] = {**found, **object_of(candidate.get(name))}
    return joined


def _title(title: str | None) -> JsonObject:
    return {"title": title} if title is not None else {}


def _segment(citation: Citation, text: str, before: int) -> JsonObject:
    """Returns a segment of text, in bytes from the beginning of the response."""
    start, end = citation.start, citation.end
    if start is None or end is None or not 0 <= start <= end <= len(text):
        return {}
    first = before + _bytes(text[:start])
    words = text[start:end]
    segment: JsonObject = {"startIndex": first} if first else {}
    return {**segment, "endIndex": first + _bytes(words), "text": words}


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _source(chunk: JsonObject) -> JsonObject:
    """Returns a chunk's web page, map entry or image; empty for a user's own document."""
    for key in ("web", "maps", "image"):
        source = object_of(chunk.get(key))
        if text_of(source.get("uri")) or text_of(source.get("sourceUri")):
            return source
    return {}


def _citation(source: JsonObject, segment: JsonObject, data: bytes | None) -> Citation:
    end = int_of(segment.get("endIndex"))
    start = (int_of(segment.get("startIndex")) or 0) if end is not None else None
    return Citation(
        url=text_of(source.get("uri")) or text_of(source.get("sourceUri")),
        title=text_of(source.get("title")) or None,
        start=_characters(start, data),
        end=_characters(end, data),
        format=NAME,
        raw=source,
    )


def _characters(offset: int | None, data: bytes | None) -> int | None:
    """Converts an offset in bytes to characters; `data` is None for plain ASCII."""
    if offset is None or data is None:
        return offset
    return len(data[: max(0, offset)].decode("utf-8", "ignore"))


def billed_searches(grounded: Iterable[JsonObject], model: str) -> int:
    """Returns the searches that are billed for a response, by its candidates' metadata.

    Models before Gemini 3 are billed for each prompt that was searched for, later ones for each
    query; queries that are empty or said twice do not count (guide "Grounding with Google Search",
    section "Pricing").
    """
    queries: set[str] = set()
    for one in grounded:
        told = one.get("webSearchQueries")
        queries.update(map(text_of, told if isinstance(told, list) else ()))
    queries.discard("")
    return min(1, len(queries)) if _BY_PROMPT.match(model) else len(queries)
