"""Reads and writes a whole `GenerateContentResponse`."""

from collections.abc import Iterable
from collections.abc import Iterator
from itertools import accumulate

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.formats.gemini.carrier import Carrier
from switchyard.wire.formats.gemini.errors import find_error
from switchyard.wire.formats.gemini.grounding import read_citations
from switchyard.wire.formats.gemini.grounding import with_metadata
from switchyard.wire.formats.gemini.grounding import write_citations
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.parts import write_call
from switchyard.wire.formats.gemini.parts import write_other
from switchyard.wire.formats.gemini.parts import write_text
from switchyard.wire.formats.gemini.parts import write_thought
from switchyard.wire.formats.gemini.spelling import answer_in_camel_case
from switchyard.wire.formats.gemini.spelling import spells_snake
from switchyard.wire.formats.gemini.stops import write_stop
from switchyard.wire.formats.gemini.stream_reader import GeminiStreamReader
from switchyard.wire.formats.gemini.usage import write_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.fold import fold
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.model.logprobs import write_gemini
from switchyard.wire.shared.explanation import explanation


def read_reply(body: JsonObject) -> Reply:
    """Returns the response; raises BadReply on a body that is not one."""
    if (error := find_error(body)) is not None:
        raise BadReply(f"an error instead of a response: {error.message}")
    if spells_snake(body):
        body = answer_in_camel_case(body)
    if not any(name in body for name in ("candidates", "promptFeedback", "usageMetadata")):
        raise BadReply("the body has no candidates")
    reader = GeminiStreamReader(whole=True)
    reply = fold(NAME, [*reader.read(body), *reader.close()])
    choices = []
    for choice in reply.choices:
        texts = [part.text for part in choice.parts if isinstance(part, Text)]
        citations = read_citations(own(choice.extra), "".join(texts)) if texts else []
        choices.append(_cited(choice, texts, citations) if citations else choice)
    return altered(reply, choices=tuple(choices))


def _cited(choice: Choice, texts: list[str], citations: list) -> Choice:
    """Attaches each citation to the text it covers, or else to the last text."""
    ends = list(accumulate(map(len, texts)))
    lists: list[list] = [[] for _ in texts]
    for citation in citations:
        start = citation.start
        number = len(texts) - 1
        if start is not None:
            number = next((i for i, end in enumerate(ends) if start < end), number)
            offset = ends[number] - len(texts[number])
            citation = altered(
                citation,
                start=start - offset,
                end=min(citation.end - offset, len(texts[number])),
            )
        lists[number].append(citation)
    remaining = iter(lists)
    parts = tuple(
        altered(part, citations=tuple(next(remaining))) if isinstance(part, Text) else part
        for part in choice.parts
    )
    return altered(choice, parts=parts)


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response as one body."""
    home = reply.format == NAME
    said = own(reply.extra) if home else EMPTY
    show = home or shows_thoughts(asked)
    body: JsonObject = {
        "candidates": [
            _write_choice(choice, home, show)
            for choice in reply.choices
            if not _is_blocked(choice, said)
        ]
    }
    if not body["candidates"] and home:
        del body["candidates"]
    if reply.usage is not None:
        body["usageMetadata"] = write_usage(reply.usage)
    if model := reply.model or ("" if home else asked.model):
        body["modelVersion"] = model
    if reply_id := reply.id or ("" if home else asked.id):
        body["responseId"] = reply_id
    return {**body, **said}


def shows_thoughts(asked: Asked) -> bool:
    """Whether the client receives thoughts, which is the default."""
    reasoning = asked.conversation.reasoning if asked.conversation else None
    if reasoning is None:
        return True
    config = own(reasoning.extra).get("thinkingConfig", EMPTY)
    return config.get("includeThoughts") is not False and config.get("thinkingBudget") != 0


def _is_blocked(choice: Choice, said: JsonObject) -> bool:
    """Whether a choice represents a blocked prompt, which has no candidate."""
    return "promptFeedback" in said and not choice.parts and not choice.extra


def _write_choice(choice: Choice, home: bool, show: bool) -> JsonObject:
    said = own(choice.extra) if home else EMPTY
    parts = list(_write_parts(choice.parts, show, home))
    candidate: JsonObject = {}
    if home:
        if parts or "content" in said:
            candidate["content"] = {"parts": parts} if parts else {}
            candidate["content"].update(said.get("content", EMPTY))
            if parts:
                candidate["content"]["parts"] = parts
        if choice.stop is not None:
            candidate["finishReason"] = write_stop(choice.stop, home)
        return {**candidate, **{k: v for k, v in said.items() if k != "content"}}
    content = {"parts": parts or [{"text": ""}], "role": "model"}
    candidate = {"content": content, "finishReason": write_stop(choice.stop), "index": choice.index}
    if words := explanation(choice.stop):
        candidate["finishMessage"] = words
    texts = [(part.text, part.citations) for part in choice.parts if isinstance(part, Text)]
    if grounding := write_citations(texts):
        candidate["groundingMetadata"] = grounding
    if tokens := tokens_in(choice.extra):
        candidate["logprobsResult"] = write_gemini(tokens)
    return with_metadata(candidate, own(choice.extra))


def _write_parts(parts: Iterable[Part], show: bool, home: bool) -> Iterator[JsonObject]:
    """Returns the parts of a response; `show`: with the text of thoughts."""
    carrier = Carrier()
    for part in parts:
        match part:
            case Thinking():
                carrier.thinking(part)
                own_proof = part.signature and part.signer == NAME
                if show and (part.text or own_proof or own(part.extra)):
                    yield write_thought(part)
            case ToolCall():
                yield write_call(part, part.name, carrier.call(), answer=not home)
            case Text():
                carrier.text()
                if part.text or home:
                    yield write_text(part)
            case _:
                yield from write_other(part)
