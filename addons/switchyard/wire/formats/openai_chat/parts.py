"""Reads the parts of an answer that whole messages and deltas share.

These are content in the form of a list, audio, images and citations.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_chat.content import PART_FORM
from switchyard.wire.formats.openai_chat.content import read_part
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text


class Places:
    """Numbers the parts of one streamed choice, in the order in which they start."""

    def __init__(self) -> None:
        self._next = 0

    def take(self) -> int:
        place = self._next
        self._next += 1
        return place


def delta_of(choice: JsonObject, spoke: bool) -> JsonObject:
    """Returns the delta of a chunk's choice.

    Some providers send a whole message in its place, which adds nothing once the choice `spoke`, or
    the text of a legacy completion.
    """
    delta, message = choice.get("delta"), choice.get("message")
    if isinstance(delta, dict) and (delta or spoke or not message):
        return delta
    if isinstance(message, dict) and message and not spoke:
        return message
    text = text_of(choice.get("text"))
    return {"content": text} if text else EMPTY


def read_answer_content(content: Any) -> list[Part]:
    """Returns the parts of an answer's `content`: a text, or a list (Mistral)."""
    if isinstance(content, str):
        return [Text(text=content)] if content else []
    if not isinstance(content, list):
        return []
    parts: list[Part] = []
    for raw in content:
        if isinstance(raw, dict | str):
            part = read_part(raw)
            if isinstance(part, Text):
                part = Text(text=part.text, extra=part.extra, form=PART_FORM)
            parts.append(part)
    return parts


def read_audio(raw: Any) -> Media | None:
    """Returns an answer's `audio` (OpenAI's reference, "Audio and speech")."""
    if not isinstance(raw, dict):
        return None
    if not any(text_of(raw.get(name)) for name in ("id", "data", "transcript")):
        return None
    return Media(
        kind="audio",
        data=text_of(raw.get("data")) or None,
        transcript=text_of(raw.get("transcript")) or None,
        extra={k: v for k, v in raw.items() if k not in ("data", "transcript")},
    )


def write_audio(part: Media, ours: bool) -> JsonObject:
    written: JsonObject = {"data": part.data or "", "transcript": part.transcript or ""}
    return part.extra | written if ours else written


def read_images(raw: Any) -> list[Part]:
    """Returns an answer's `images`: OpenRouter's list of `image_url` parts."""
    if not isinstance(raw, list):
        return []
    parts = (read_part(image) for image in raw if isinstance(image, dict))
    return [part for part in parts if isinstance(part, Media)]


def annotations_of(raw: Any) -> tuple[Citation, ...]:
    """Returns the citations in `annotations` (OpenAI's guide "Web search").

    An annotation that is no web source keeps its `raw` form alone.
    """
    if not isinstance(raw, list):
        return ()
    return tuple(_read_annotation(entry) for entry in raw if isinstance(entry, dict))


def write_citation(citation: Citation, start: int, end: int) -> JsonObject | None:
    """Returns an entry of `annotations`, or None for a source that is not on the web.

    `start` and `end` bound the citation's text if the citation states no bounds.
    """
    if citation.format == NAME:
        return citation.raw or None
    if not citation.url:
        return None
    said = citation.start is not None and citation.end is not None
    return {
        "type": "url_citation",
        "url_citation": {
            "start_index": citation.start if said else start,
            "end_index": citation.end if said else end,
            "title": citation.title or "",
            "url": citation.url,
        },
    }


def listed_sources(body: JsonObject) -> tuple[Citation, ...]:
    """Returns the sources that Perplexity and xAI list beside the choices.

    They stand in `citations` (addresses) and `search_results` (addresses and titles). The writer
    does not repeat them as annotations.
    """
    given = body.get("citations")
    results = body.get("search_results")
    titles: dict[str, str] = {}
    for result in results if isinstance(results, list) else ():
        if isinstance(result, dict) and isinstance(url := result.get("url"), str):
            titles[url] = text_of(result.get("title"))
    urls = [url for url in given if isinstance(url, str)] if isinstance(given, list) else []
    return tuple(
        Citation(url=url, title=titles.get(url) or None, format=NAME, raw=EMPTY)
        for url in urls or titles
    )


def _read_annotation(entry: JsonObject) -> Citation:
    inner = entry.get("url_citation")
    if not isinstance(inner, dict):
        # Some providers write it flat, as the Responses API does.
        inner = entry if entry.get("type") == "url_citation" else EMPTY
    return Citation(
        url=text_of(inner.get("url")) or None,
        title=text_of(inner.get("title")) or None,
        cited_text=text_of(inner.get("content")) or None,
        start=whole_of(inner.get("start_index")),
        end=whole_of(inner.get("end_index")),
        format=NAME,
        raw=entry,
    )
