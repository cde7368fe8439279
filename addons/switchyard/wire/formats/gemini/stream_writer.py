"""Writes a response as a stream of `GenerateContentResponse` chunks.

Text is sent as it arrives. A function call is sent whole, because no client assembles pieces. The
last chunk holds `finishReason`, usage and sources together, as Gemini's does. Clients are strict
about the framing: gemini-cli fails on comments, on `[DONE]` and on `data:` without a space.
"""

from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.format import Asked
from switchyard.wire.formats.gemini.carrier import Carrier
from switchyard.wire.formats.gemini.errors import write_error
from switchyard.wire.formats.gemini.grounding import with_metadata
from switchyard.wire.formats.gemini.grounding import write_citations
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.parts import write_call
from switchyard.wire.formats.gemini.parts import write_other
from switchyard.wire.formats.gemini.parts import write_text
from switchyard.wire.formats.gemini.parts import write_thought
from switchyard.wire.formats.gemini.reply import shows_thoughts
from switchyard.wire.formats.gemini.stops import write_stop
from switchyard.wire.formats.gemini.usage import write_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import Fold
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.model.logprobs import write_gemini
from switchyard.wire.shared.explanation import explanation

type Framing = Literal["sse", "array"]
"""Server-sent events (`alt=sse`), or one JSON array whose elements arrive one by one."""

type _Kind = Literal["text", "thought", "held"]

_OF_PART = (TextDelta, ArgumentsDelta, SignatureDelta, CitationDelta, MediaDelta, PartEnd)


class GeminiStreamWriter:
    """Writes one stream, with all its choices."""

    def __init__(self, asked: Asked, framing: Framing = "sse") -> None:
        self._asked = asked
        self._array = framing == "array"
        self._show = shows_thoughts(asked)
        self._fold = Fold(NAME)
        self._open: dict[tuple[int, int], _Kind] = {}
        self._carriers: dict[int, Carrier] = {}
        self._began = False
        self._ended = False
        self._named: JsonObject = {}
        self._tail = b""
        self._name(Start())

    def feed(self, event: Event) -> bytes:
        if self._ended:
            return b""
        if isinstance(event, _OF_PART):
            kind = self._open.get((event.choice, event.index))
            if kind is None:
                return b""
            self._fold.add(event)
            if isinstance(event, TextDelta):
                return self._words(kind, event.text, event.choice)
            return self._close(event.choice, event.index) if isinstance(event, PartEnd) else b""
        self._fold.add(event)
        match event:
            case PartStart():
                return self._begin(event)
            case Start():
                self._name(event)
            case End():
                return self._finish()
            case Failure():
                return self._fail(event.error)
        return b""

    def close(self) -> bytes:
        if self._ended:
            return b""
        return self._finish() if self._began or self._fold.reply().choices else self._end()

    def _name(self, start: Start) -> None:
        self._home = start.format == NAME
        self._named = {
            "modelVersion": start.model or self._asked.model,
            "responseId": start.id or self._asked.id,
        }
        self._tail = b"," + dumps(self._named)[1:]

    def _begin(self, event: PartStart) -> bytes:
        match event.part:
            case Thinking():
                kind, text = "thought", event.part.text
            case Text() | Refusal() if not own(event.part.extra):
                kind, text = "text", event.part.text
            case _:
                # A text with members of its own (a signature) is sent in one piece with them.
                kind, text = "held", ""
        self._open[event.choice, event.index] = kind
        return self._words(kind, text, event.choice)

    def _close(self, choice: int, index: int) -> bytes:
        """Returns the bytes at the end of a part."""
        held = self._open.pop((choice, index)) == "held"
        part = self._fold.part(index, choice)
        raws = list(self._last_of(part, held, self._carriers.setdefault(choice, Carrier())))
        return b"".join(self._part(raw, choice) for raw in raws)

    def _last_of(self, part: Part, held: bool, carrier: Carrier) -> list[JsonObject]:
        match part:
            case Thinking():
                carrier.thinking(part)
                if self._show and part.signature and part.signer == NAME:
                    return [write_thought(altered(part, text=""))]
                return []
            case ToolCall():
                return [write_call(part, part.name, carrier.call(), answer=True)]
            case Text() | Refusal():
                carrier.text()
                if isinstance(part, Text) and own(part.extra):
                    return [write_text(part if held else altered(part, text=""))]
                return []
        return list(write_other(part))

    def _words(self, kind: _Kind, text: str, choice: int) -> bytes:
        """Returns a chunk of text alone, the most frequent kind, composed from bytes."""
        if not text or kind == "held" or (kind == "thought" and not self._show):
            return b""
        thought = b',"thought":true' if kind == "thought" else b""
        return self._frame(
            b'{"candidates":[{"content":{"parts":[{"text":%b%b}],"role":"model"},"index":%d}]%b'
            % (dumps(text), thought, choice, self._tail)
        )

    def _part(self, raw: JsonObject, choice: int) -> bytes:
        content = {"parts": [raw], "role": "model"}
        return self._chunk({"candidates": [{"content": content, "index": choice}]})

    def _finish(self) -> bytes:
        """Returns the last chunk: stop reasons, usage and sources."""
        written = [self._close(*key) for key in list(self._open)]
        reply = self._fold.reply()
        said = own(reply.extra)
        last: JsonObject = {}
        blocked = "promptFeedback" in said and not any(choice.parts for choice in reply.choices)
        if reply.choices and not blocked:
            last["candidates"] = [_last_candidate(c, self._home) for c in reply.choices]
        if reply.usage is not None:
            last["usageMetadata"] = write_usage(reply.usage)
        return b"".join([*written, self._chunk({**last, **said}), self._end()])

    def _fail(self, error: ApiError) -> bytes:
        return self._frame(dumps(write_error(error)[1])) + self._end()

    def _chunk(self, body: JsonObject) -> bytes:
        return self._frame(dumps({**body, **self._named}))

    def _frame(self, data: bytes) -> bytes:
        begins = not self._began
        self._began = True
        if self._array:
            return (b"[" if begins else b",\r\n") + data
        return b"data: %b\n\n" % data

    def _end(self) -> bytes:
        self._ended = True
        if not self._array:
            return b""
        return b"]" if self._began else b"[]"


def _last_candidate(choice: Choice, home: bool) -> JsonObject:
    """Returns the candidate of the last chunk: no text, but all closing members.

    `home`: the stream's source has this format, so its extra members are kept.
    """
    candidate: JsonObject = {
        "content": {"parts": [{"text": ""}], "role": "model"},
        "finishReason": write_stop(choice.stop),
        "index": choice.index,
    }
    if words := explanation(choice.stop):
        candidate["finishMessage"] = words
    texts = [(part.text, part.citations) for part in choice.parts if isinstance(part, Text)]
    if grounding := write_citations(texts):
        candidate["groundingMetadata"] = grounding
    if tokens := tokens_in(choice.extra):
        candidate["logprobsResult"] = write_gemini(tokens)
    left = {key: value for key, value in own(choice.extra).items() if key != "content"}
    return {**candidate, **left} if home else with_metadata(candidate, left)
