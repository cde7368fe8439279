"""Folds events into a reply, and unfolds a reply into events."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.logprobs import MEMBER as LOGPROBS
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import tokens_in


class Fold:
    """Adds events up into a `Reply`. One per answer; `add` in order, then `reply`.

    Text is collected in lists and joined once, so the cost of an event does not grow with the
    length of the answer.
    """

    def __init__(self, format: str) -> None:
        self._format = format
        self._start = Start()
        self._extra: JsonObject = {}
        self._choices: dict[int, _ChoiceFold] = {}
        self.usage: Usage | None = None
        self.failure: ApiError | None = None
        self.ended = False
        """Whether the terminal event was seen."""

    def add(self, event: Event) -> None:
        match event:
            case TextDelta() | ArgumentsDelta():
                self._part(event.choice, event.index).text.append(event.text)
            case SignatureDelta():
                part = self._part(event.choice, event.index)
                part.signature.append(event.signature)
                part.signer = event.signer
            case CitationDelta():
                self._part(event.choice, event.index).citations.append(event.citation)
            case MediaDelta():
                part = self._part(event.choice, event.index)
                part.data.append(event.data)
                part.transcript.append(event.transcript)
            case PartStart():
                self._choice(event.choice).parts[event.index] = _PartFold(event.part)
            case PartEnd():
                if event.part is not None:
                    self._choice(event.choice).parts[event.index] = _PartFold(event.part)
            case Extra():
                merge(self._choice(event.choice).extra, event.fields)
            case UsageUpdate():
                self.usage = merge_usage(self.usage, event.usage)
            case Finish():
                choice = self._choice(event.choice)
                choice.stop = event.stop
                merge(choice.extra, event.extra)
            case Start():
                self._start = event
                merge(self._extra, event.extra)
            case End():
                self.ended = True
                merge(self._extra, event.extra)
            case Failure():
                self.failure = event.error

    def reply(self) -> Reply:
        """The answer so far; complete once `ended`."""
        return Reply(
            format=self._format,
            id=self._start.id,
            model=self._start.model,
            created=self._start.created,
            choices=tuple(self._choices[i].choice(i) for i in sorted(self._choices)),
            usage=self.usage,
            extra=self._extra,
        )

    def part(self, index: int, choice: int = 0) -> Part:
        """One part so far. Raises KeyError for one that did not begin."""
        return self._part(choice, index).part()

    @property
    def finished(self) -> bool:
        """Whether every choice that began has its stop reason, and at least one began."""
        return bool(self._choices) and all(c.stop is not None for c in self._choices.values())

    @property
    def is_empty(self) -> bool:
        """Whether the reply has no output: no text, no call, no media."""
        return not any(
            part.is_output() for choice in self._choices.values() for part in choice.parts.values()
        )

    @property
    def stop(self) -> Stop | None:
        """Why the first choice ended."""
        choice = self._choices.get(0)
        return choice.stop if choice else None

    def _choice(self, index: int) -> "_ChoiceFold":
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _ChoiceFold()
        return choice

    def _part(self, choice: int, index: int) -> "_PartFold":
        return self._choices[choice].parts[index]


class _ChoiceFold:
    __slots__ = ("extra", "parts", "stop")

    def __init__(self) -> None:
        self.parts: dict[int, _PartFold] = {}
        self.stop: Stop | None = None
        self.extra: JsonObject = {}

    def choice(self, index: int) -> Choice:
        parts = tuple(self.parts[i].part() for i in sorted(self.parts))
        return Choice(index=index, parts=parts, stop=self.stop, extra=self.extra)


class _PartFold:
    __slots__ = ("citations", "data", "first", "signature", "signer", "text", "transcript")

    def __init__(self, first: Part) -> None:
        self.first = first
        self.text: list[str] = []
        self.signature: list[str] = []
        self.signer: str | None = None
        self.citations: list[Any] = []
        self.data: list[str] = []
        self.transcript: list[str] = []

    def is_output(self) -> bool:
        match self.first:
            case Text() | Refusal() as part:
                return bool(part.text) or any(self.text)
            case Thinking() as part:
                opaque = part.redacted or part.signature or self.signature
                return bool(part.text or opaque) or any(self.text)
        return True

    def part(self) -> Part:
        first = self.first
        added = "".join(self.text)
        match first:
            case Text():
                if added or self.citations:
                    citations = (*first.citations, *self.citations)
                    return altered(first, text=first.text + added, citations=citations)
            case Thinking():
                if added or self.signature:
                    return altered(
                        first,
                        text=first.text + added,
                        signature="".join(self.signature) or first.signature,
                        signer=self.signer or first.signer,
                    )
            case ToolCall():
                if added or self.signature:
                    return altered(
                        first,
                        arguments=first.arguments + added,
                        signature="".join(self.signature) or first.signature,
                        signer=self.signer or first.signer,
                    )
            case Refusal():
                return altered(first, text=first.text + added) if added else first
            case Media():
                return altered(
                    first,
                    data="".join([first.data or "", *self.data]) or None,
                    transcript="".join([first.transcript or "", *self.transcript]) or None,
                )
        return first


def fold(format: str, events: Iterable[Event]) -> Reply:
    """The whole answer a stream of `format` adds up to."""
    folded = Fold(format)
    for event in events:
        folded.add(event)
    return folded.reply()


def unfold(reply: Reply) -> list[Event]:
    """Yield the events of a stream that folds into `reply`, one text delta a part."""
    events: list[Event] = [Start(reply.id, reply.model, reply.created, reply.extra, reply.format)]
    if reply.usage is not None:
        events.append(UsageUpdate(reply.usage))
    for choice in reply.choices:
        if tokens := tokens_in(choice.extra):
            events.append(Extra(extra_of(tokens), choice.index))
        for index, part in enumerate(choice.parts):
            events.extend(_unfold_part(index, part, choice.index))
        if left := {k: v for k, v in choice.extra.items() if k != LOGPROBS}:
            events.append(Extra(left, choice.index))
    events.extend(Finish(c.stop, c.index) for c in reply.choices if c.stop is not None)
    events.append(End())
    return events


def says_something(reply: Reply) -> bool:
    """Whether any of the events of a reply is output (see `events.is_output`)."""
    return any(_says(part) for choice in reply.choices for part in choice.parts)


def _says(part: Part) -> bool:
    match part:
        case Text():
            return bool(part.text or part.citations)
        case Thinking():
            return bool(part.text or part.redacted or part.signature)
        case Refusal():
            return bool(part.text)
        case Opaque():
            return part.kind != "reasoning"
    return True


def _unfold_part(index: int, part: Part, choice: int) -> list[Event]:
    events: list[Event] = []
    match part:
        case Text(text=text):
            events.append(PartStart(index, altered(part, text="", citations=()), choice))
            if text:
                events.append(TextDelta(index, text, choice))
            events.extend(CitationDelta(index, citation, choice) for citation in part.citations)
        case Thinking(text=text, signature=signature):
            events.append(PartStart(index, altered(part, text="", signature=None), choice))
            if text:
                events.append(TextDelta(index, text, choice))
            if signature:
                events.append(SignatureDelta(index, signature, part.signer or "", choice))
        case Refusal(text=text):
            events.append(PartStart(index, altered(part, text=""), choice))
            events.append(TextDelta(index, text, choice))
        case ToolCall(arguments=arguments):
            events.append(PartStart(index, altered(part, arguments=""), choice))
            if arguments:
                events.append(ArgumentsDelta(index, arguments, choice))
        case _:
            events.append(PartStart(index, part, choice))
    events.append(PartEnd(index, choice=choice))
    return events


def merge(into: JsonObject, fields: JsonObject) -> None:
    """Add the members of one chunk to those of earlier chunks.

    Lists grow, objects merge, all else is replaced, but never by null. `fields` is not changed nor
    shared.
    """
    for key, value in fields.items():
        old = into.get(key)
        if isinstance(value, dict):
            merged = dict(old) if isinstance(old, dict) else {}
            merge(merged, value)
            into[key] = merged
        elif isinstance(value, list) and isinstance(old, list):
            into[key] = [*old, *value]
        elif value is not None or key not in into:
            into[key] = value


_USAGE_FIELDS = tuple(f.name for f in fields(Usage) if f.name != "extra")


def merge_usage(old: Usage | None, new: Usage) -> Usage:
    """Return usage as known after `new`, whose fields replace those of `old`."""
    if old is None:
        return new
    values = {
        name: value if (value := getattr(new, name)) is not None else getattr(old, name)
        for name in _USAGE_FIELDS
    }
    extra = dict(old.extra)
    merge(extra, new.extra)
    return Usage(**values, extra=extra)
