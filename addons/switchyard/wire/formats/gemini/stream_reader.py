"""Reads a response; each chunk of a stream is a whole `GenerateContentResponse`.

Texts continue from chunk to chunk, other parts arrive whole. The stream has no end marker; a
`finishReason` shows that the response is complete. Some versions repeat it in every chunk, so it
takes effect when the bytes end.
"""

from datetime import datetime
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import exact
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.gemini.errors import find_error
from switchyard.wire.formats.gemini.grounding import billed_searches
from switchyard.wire.formats.gemini.grounding import read_citations
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.formats.gemini.partial_args import PartialArgs
from switchyard.wire.formats.gemini.parts import read_call
from switchyard.wire.formats.gemini.parts import read_media_or_opaque
from switchyard.wire.formats.gemini.parts import read_text
from switchyard.wire.formats.gemini.spelling import answer_in_camel_case
from switchyard.wire.formats.gemini.spelling import is_snake
from switchyard.wire.formats.gemini.stops import blocked_words
from switchyard.wire.formats.gemini.stops import read_stop
from switchyard.wire.formats.gemini.usage import read_usage
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import merge
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_gemini
from switchyard.wire.shared.broken_ends import broken_end
from switchyard.wire.shared.call_ids import AnswerIds
from switchyard.wire.shared.searches import ran_searches


class GeminiStreamReader:
    """Reads one response.

    `whole`: the response is one body, whose parts stay separate, while a stream's texts are joined.
    """

    def __init__(self, whole: bool = False) -> None:
        self._whole = whole
        self._started = False
        self._ended = False
        self._candidates: dict[int, _Candidate] = {}
        self._ids = AnswerIds()
        self._usage: Any = None
        self._told_usage: Usage | None = None
        self._blocked: JsonObject = EMPTY
        self._extra: JsonObject = {}
        self._model = ""

    def feed(self, frame: Frame) -> list[Event]:
        try:
            payload = loads(frame.data)
        except ValueError:
            return []
        if b"functionCall" in frame.data or b"function_call" in frame.data:
            payload = exact(payload, frame.data)
        snake = is_snake(frame.data)
        events: list[Event] = []
        for chunk in objects_of(payload):
            answer = self.opened(chunk)
            events += self.read(answer_in_camel_case(answer) if snake else answer)
        return events

    def opened(self, chunk: JsonObject) -> JsonObject:
        """Returns the response object of a chunk."""
        return chunk

    def read(self, chunk: JsonObject) -> list[Event]:
        """Returns the events of one response object."""
        if self._ended:
            return []
        if "error" in chunk and (error := find_error(chunk)) is not None:
            self._ended = True
            return [Failure(error)]
        events = self._start(chunk)
        if isinstance(feedback := chunk.get("promptFeedback"), dict):
            self._extra["promptFeedback"] = feedback
            if feedback.get("blockReason"):
                self._blocked = feedback
        for position, raw in enumerate(objects_of(chunk.get("candidates"))):
            index = int_of(raw.get("index"))
            index = position if index is None else index
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = self._candidates[index] = _Candidate(index, self._whole)
            events += candidate.read(raw, chunk, self._ids)
            stop = candidate.stop() if "finishReason" in raw and not self._whole else None
            if stop is not None and stop.reason == "error":
                self._ended = True
                return [*events, Failure(broken_end(stop))]
        if isinstance(usage := chunk.get("usageMetadata"), dict):
            self._usage = usage
            if self._told_usage is None and not self._whole:
                events += self._tell_usage(details=False)
        return events

    @property
    def stopped(self) -> bool:
        """Whether all candidates have their stop reason.

        This ends a stream, which has no terminal event: only usage may follow.
        """
        found = self._candidates.values()
        return bool(found) and all(candidate.stop() is not None for candidate in found)

    def close(self) -> list[Event]:
        if self._ended:
            return []
        self._ended = True
        events: list[Event] = []
        candidates = [self._candidates[i] for i in sorted(self._candidates)]
        for candidate in candidates:
            events += candidate.end()
        events += self._tell_usage(details=True)
        stops = [(c.index, c.stop()) for c in candidates]
        if not stops and self._blocked:
            reason = text_of(self._blocked.get("blockReason"))
            details = blocked_words("prompt", reason, self._blocked, "blockReasonMessage")
            stops = [(0, Stop(reason="content_filter", raw=reason, details=details))]
        events += [Finish(stop, index) for index, stop in stops if stop is not None]
        if stops and all(stop is not None for _, stop in stops):
            events.append(End(owned(self._extra)))
        return events

    def _start(self, chunk: JsonObject) -> list[Event]:
        if left := rest(chunk, *_NAMED):
            self._extra.update(left)
        if self._started or not chunk:
            return []
        self._started = True
        self._model = text_of(chunk.get("modelVersion"))
        return [
            Start(
                id=text_of(chunk.get("responseId")) or None,
                model=self._model or None,
                created=_seconds(chunk.get("createTime")),
            )
        ]

    def _tell_usage(self, details: bool) -> list[Event]:
        usage = read_usage(self._usage, details)
        if usage is not None and details:
            grounded = [one.grounding for one in self._candidates.values() if one.grounding]
            if grounded and (searches := billed_searches(grounded, self._model)):
                usage = altered(usage, extra={**usage.extra, **ran_searches(searches)})
        if usage is None and details and self._usage is not None:
            self._extra["usageMetadata"] = self._usage
        if usage is None or usage == self._told_usage:
            return []
        self._told_usage = usage
        return [UsageUpdate(usage)]


_NAMED = (
    "candidates",
    "promptFeedback",
    "usageMetadata",
    "modelVersion",
    "responseId",
)


class _Candidate:
    """One candidate of the stream."""

    def __init__(self, index: int, whole: bool) -> None:
        self.index = index
        self._whole = whole
        self._next = 0
        self._open: Text | Thinking | ToolCall | None = None
        self._texts: list[str] = []
        self._complete = False
        """Whether new text starts a part of its own."""
        self._late_signature: str | None = None
        self._said: list[str] = []
        """All texts that have ended."""
        self._args: PartialArgs | None = None
        self._calls = False
        self._finish: Any = None
        self._extra: JsonObject = {}

    def read(self, raw: JsonObject, chunk: JsonObject, ids: AnswerIds) -> list[Event]:
        content = raw.get("content")
        parts = objects_of(object_of(content).get("parts"))
        events: list[Event] = []
        if tokens := read_gemini(raw.get("logprobsResult")):
            events.append(Extra(extra_of(tokens), self.index))
        for part in parts:
            events += self._read_part(part, chunk, ids)
        if (reason := raw.get("finishReason")) is not None:
            self._finish = reason
        for key, value in rest(raw, "content", "finishReason").items():
            if key == "logprobsResult":
                merge(self._extra, {key: value})
            elif value or key not in self._extra:
                self._extra[key] = value
        self._extra.pop("finishReason", None)
        if not isinstance(self._finish, str | None):
            self._extra["finishReason"] = self._finish
        if isinstance(content, dict):
            self._extra["content"] = rest(content, "parts") if parts else content
        return events

    @property
    def grounding(self) -> JsonObject:
        return object_of(self._extra.get("groundingMetadata"))

    def stop(self) -> Stop | None:
        stop = read_stop(self._finish, self._calls, self._extra.get("finishMessage"))
        if stop is not None and stop.reason == "content_filter" and not stop.details:
            words = blocked_words("answer", stop.raw or "", self._extra, "finishMessage")
            return altered(stop, details=words)
        return stop

    def end(self) -> list[Event]:
        """Ends open parts, and emits what is known only at the end."""
        events: list[Event] = []
        if self._finish is None:
            # Incomplete arguments are no call to run.
            self._args = None
        if not self._whole:
            events += self._cite()
        events += self._close()
        if self._extra:
            events.append(Extra(owned(self._extra), self.index))
        return events

    def _cite(self) -> list[Event]:
        """Attaches the sources to the last text, or to an empty one if that has ended."""
        last = self._texts if isinstance(self._open, Text) else []
        said = "".join([*self._said, *last])
        before = len(said) - len("".join(last))
        citations = read_citations(self._extra, said) if said else []
        if not citations:
            return []
        events: list[Event] = []
        if not isinstance(self._open, Text):
            events += [*self._close(), *self._begin(Text(text=""))]
        citations = [_moved(citation, before) for citation in citations]
        if self._late_signature and isinstance(self._open, Text):
            self._open = altered(self._open, citations=tuple(citations))
        return [*events, *(CitationDelta(self._next - 1, c, self.index) for c in citations)]

    def _read_part(self, raw: JsonObject, chunk: JsonObject, ids: AnswerIds) -> list[Event]:
        if "functionCall" in raw:
            return self._read_call(raw, chunk, ids)
        if isinstance(raw.get("text"), str) or raw.keys() == {"thoughtSignature"}:
            return self._read_text(read_text(raw))
        return [*self._close(), *self._one(read_media_or_opaque(raw))]

    def _read_text(self, part: Text | Thinking) -> list[Event]:
        events: list[Event] = []
        if isinstance(part, Text) and not part.text and not self._whole:
            # The last chunk often holds an empty text, sometimes with the signature of the text
            # before it, or of no text.
            signature = own(part.extra).get("thoughtSignature")
            if isinstance(self._open, Text):
                self._late_signature = signature or self._late_signature
                return []
            if not signature:
                return []
        proof = part.signature if isinstance(part, Thinking) else None
        same = type(part) is type(self._open) and not (self._whole or self._complete)
        if not same or own(part.extra):
            events += [*self._close(), *self._begin(altered(part, text=""))]
        self._texts.append(part.text)
        if part.text:
            events.append(TextDelta(self._next - 1, part.text, self.index))
        if proof:
            events.append(SignatureDelta(self._next - 1, proof, NAME, self.index))
        # A signature belongs to the text so far.
        self._complete = bool(proof or own(part.extra))
        return events

    def _read_call(self, raw: JsonObject, chunk: JsonObject, ids: AnswerIds) -> list[Event]:
        """Reads a call or a piece of one.

        The first piece names the function, the last one lacks the flag that it continues.
        """
        call = object_of(raw["functionCall"])
        goes_on = call.get("willContinue") is True
        if self._args is not None and not text_of(call.get("name")):
            self._args.add(call.get("partialArgs"))
            return [] if goes_on else self._close()
        events = self._close()
        said = (chunk.get("createTime"), call.get("name"), call.get("args"))
        answer = text_of(chunk.get("responseId")) or repr(said)
        part = read_call(raw, ids.call(text_of(call.get("id")), answer))
        self._calls = True
        if not goes_on and "partialArgs" not in call:
            return [*events, *self._one(part)]
        self._args = PartialArgs()
        self._args.args.update(object_of(call.get("args")))
        self._args.add(call.get("partialArgs"))
        events += self._begin(altered(part, arguments="", extra=EMPTY, form=""))
        return events if goes_on else [*events, *self._close()]

    def _begin(self, part: Text | Thinking | ToolCall) -> list[Event]:
        if isinstance(part, Thinking):
            part = altered(part, signature=None)
        self._open = part
        self._texts = []
        self._complete = False
        self._late_signature = None
        self._next += 1
        return [PartStart(self._next - 1, part, self.index)]

    def _close(self) -> list[Event]:
        """Ends the open part."""
        part, index = self._open, self._next - 1
        self._open = None
        if part is None:
            return []
        events: list[Event] = []
        if self._args is not None:
            events.append(ArgumentsDelta(index, dumps(self._args.args).decode(), self.index))
            self._args = None
        whole: Part | None = None
        if isinstance(part, Text):
            self._said += self._texts
        if isinstance(part, Text) and self._late_signature:
            extra = owned({**own(part.extra), "thoughtSignature": self._late_signature})
            whole = altered(part, text="".join(self._texts), extra=extra)
        return [*events, PartEnd(index, whole, self.index)]

    def _one(self, part: Part) -> list[Event]:
        """Reads a part that arrives whole."""
        index = self._next
        self._next += 1
        if not isinstance(part, ToolCall):
            return [PartStart(index, part, self.index), PartEnd(index, choice=self.index)]
        return [
            PartStart(index, altered(part, arguments=""), self.index),
            ArgumentsDelta(index, part.arguments, self.index),
            PartEnd(index, choice=self.index),
        ]


def _moved(citation: Citation, by: int) -> Citation:
    """Returns a citation with offsets relative to `by`.

    Leaves the offsets out if the segment begins before `by`.
    """
    if citation.start is None or citation.end is None or not by:
        return citation
    if citation.start < by:
        return altered(citation, start=None, end=None)
    return altered(citation, start=citation.start - by, end=citation.end - by)


def _seconds(value: Any) -> int | None:
    """Converts an RFC 3339 time to Unix seconds."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
