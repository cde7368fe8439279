"""Reads streams (API reference, "Streaming events").

A stream repeats its content: as deltas, as the finished part, as the finished item, and in the last
response. Providers omit any of these, so the reader takes from each what is still missing.
"""

from collections.abc import Callable

from switchyard.values.records import altered
from switchyard.wire.encoding.bodies import first_words
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_responses.content import read_citation
from switchyard.wire.formats.openai_responses.content import read_part
from switchyard.wire.formats.openai_responses.errors import find_error
from switchyard.wire.formats.openai_responses.item_tracking import Item
from switchyard.wire.formats.openai_responses.item_tracking import Items
from switchyard.wire.formats.openai_responses.item_tracking import ReadPart
from switchyard.wire.formats.openai_responses.items import SEPARATOR
from switchyard.wire.formats.openai_responses.items import is_hollow
from switchyard.wire.formats.openai_responses.items import read_call
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.formats.openai_responses.names import rest
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.formats.openai_responses.reply import read_extra
from switchyard.wire.formats.openai_responses.reply import read_item
from switchyard.wire.formats.openai_responses.reply import read_stop
from switchyard.wire.formats.openai_responses.usage import read_response_usage
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import ApiError
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
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.arguments import settled

_MESSAGE = frozenset({"role", "content"})

_TERMINAL = ("response.completed", "response.incomplete", "response.done")
_ARGUMENTS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Where the item of a call has its arguments."""
_LIFECYCLE = ("response.created", "response.in_progress", "response.queued")


class ResponsesStreamReader:
    """Reads one stream; see `format.StreamReader`."""

    def __init__(self) -> None:
        self._items = Items()
        self._next = 0
        self._called = False
        self._started = False
        self._over = False
        self._unread = ""
        """The first words that are no event, which may be an error's."""

    def feed(self, frame: Frame) -> list[Event]:
        if self._over:
            return []
        if frame.data.strip() == b"[DONE]":
            return self._done_word()
        event = loads_object(frame.data)
        if event is None:
            return self._unreadable(frame)
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = frame.event.decode("utf-8", "replace") if frame.event else ""
            event = {**event, "type": kind}
        if (handler := _HANDLERS.get(kind)) is not None:
            return handler(self, event)
        if kind in _TERMINAL or (not kind and event.get("object") == "response"):
            return self._end(event)
        if kind in _LIFECYCLE:
            return self._start(event)
        if kind == "codex.rate_limits":
            self.limits = event
        elif (error := find_error(event)) is not None:
            return self._fail(error, event)
        return []

    def close(self) -> list[Event]:
        """Ends the open parts.

        Only a terminal event proves that an answer is complete.
        """
        if self._over:
            return []
        self._over = True
        events: list[Event] = []
        for item in self._items.all:
            events += self._end_parts(item)
        return events

    def _start(self, event: JsonObject) -> list[Event]:
        response = event.get("response")
        if self._started or not isinstance(response, dict):
            return []
        self._started = True
        id, model = text_of(response.get("id")), text_of(response.get("model"))
        created = whole_of(response.get("created_at"))
        return [Start(id or None, model or None, created, format=NAME)]

    def _added(self, event: JsonObject) -> list[Event]:
        item = event.get("item")
        if not isinstance(item, dict):
            return []
        if known := self._items.open_as(item, event):
            self._items.change(known, item)
            return self._begin_call(known)
        return self._begin_call(self._items.add(item, event))

    def _item_done(self, event: JsonObject) -> list[Event]:
        item = event.get("item")
        if not isinstance(item, dict) or not ("type" in item or "content" in item):
            return []
        if self._items.is_told_twice(event, item):
            return []
        found = self._items.find(event, text_of(item.get("id")), text_of(item.get("type")))
        if found is None:
            found = self._items.add(item, event)
        return self._complete(found, item)

    def _text(self, event: JsonObject) -> list[Event]:
        """Reads a delta of an output text."""
        return self._message_delta(event, Text(text=""))

    def _refusal(self, event: JsonObject) -> list[Event]:
        return self._message_delta(event, Refusal(text=""))

    def _message_delta(self, event: JsonObject, empty: Text | Refusal) -> list[Event]:
        delta = text_of(event.get("delta"))
        if not delta:
            return []
        item = self._item(event, "message")
        at = whole_of(event.get("content_index")) or 0
        events = self._begin_part(item, at, empty)
        if tokens := read_tokens(event.get("logprobs")):
            events.append(Extra(extra_of(tokens)))
            item.parts[at].logged = True
        return events + self._say(item.parts[at], delta)

    def _part_added(self, event: JsonObject) -> list[Event]:
        """Reads the start of a part that already holds text."""
        raw = event.get("part")
        if not isinstance(raw, dict) or raw.get("type") not in ("output_text", "refusal"):
            return []
        part = read_part(raw, "output")
        if not isinstance(part, Text | Refusal) or not part.text:
            return []
        return self._message_delta({**event, "delta": part.text}, type(part)(text=""))

    def _text_done(self, event: JsonObject) -> list[Event]:
        """Reads a whole text, and emits what its deltas lacked."""
        member = "refusal" if event["type"] == "response.refusal.done" else "text"
        empty = Refusal(text="") if member == "refusal" else Text(text="")
        whole = text_of(event.get(member))
        item = self._items.find(event, "", "message")
        at = whole_of(event.get("content_index")) or 0
        at = item.place(at, empty, whole) if item else at
        said = item.parts.get(at) if item else None
        missing = _missing(said.pieces, whole) if said else whole
        return self._message_delta({**event, "content_index": at, "delta": missing}, empty)

    def _annotation(self, event: JsonObject) -> list[Event]:
        raw = event.get("annotation")
        item = self._items.find(event, "", "message")
        if item is None or not isinstance(raw, dict):
            return []
        at = whole_of(event.get("content_index")) or 0
        events = self._begin_part(item, at, Text(text=""))
        return events + self._cite(item.parts[at], [read_citation(raw)])

    def _summary(self, event: JsonObject) -> list[Event]:
        """Reads a delta of a reasoning summary, whose entries are paragraphs of one text."""
        delta = text_of(event.get("delta"))
        if not delta:
            return []
        item = self._item(event, "reasoning")
        at = whole_of(event.get("summary_index")) or whole_of(event.get("content_index")) or 0
        if item.thought is None:
            item.thought = (event["type"], at)
        kind, last = item.thought
        if kind != event["type"]:
            return []  # the same thinking once more, in the other list
        if last != at:
            delta = SEPARATOR + delta
            item.thought = (kind, at)
        events = self._begin_part(item, 0, Thinking(id=_id(item), summary="summary" in kind))
        return events + self._say(item.parts[0], delta)

    def _arguments(self, event: JsonObject) -> list[Event]:
        delta = text_of(event.get("delta"))
        item = self._items.find(event, "", "call")
        if item is None or not delta:
            return []
        if not item.parts:
            item.held.append(delta)
            return []
        return self._say_arguments(item.parts[0], delta)

    def _arguments_done(self, event: JsonObject) -> list[Event]:
        """Reads all arguments of a call, and in some streams its name for the first time."""
        item = self._items.find(event, "", "call")
        if item is None:
            return []
        if not item.parts and isinstance(event.get("name"), str):
            self._items.change(item, {"name": event["name"], **item.item})
        events = self._begin_call(item)
        whole = text_of(event.get("input" if "custom" in event["type"] else "arguments"))
        if item.parts:
            said = item.parts[0]
            events += self._say_arguments(said, _missing(said.pieces, whole))
        return events

    def _end(self, event: JsonObject) -> list[Event]:
        """Reads the terminal event, which holds the whole response."""
        response = event.get("response", event if "output" in event else None)
        if not isinstance(response, dict):
            response = {}
        if (error := find_error(response)) is not None:
            return self._fail(error, event)
        events = self._start({"response": response})
        for index, item in enumerate(objects_of(response.get("output"))):
            place = {"output_index": index}
            found = self._items.match(index, item) or self._items.add(item, place)
            events += self._complete(found, item)
        events += self.close()
        if (usage := read_response_usage(response)) is not None:
            events.append(UsageUpdate(usage))
        if not response and event["type"] == "response.incomplete":
            response = {"status": "incomplete"}
        stop = read_stop(response, self._called)
        return [*events, Finish(stop), End(read_extra(response) if response else {})]

    def _unreadable(self, frame: Frame) -> list[Event]:
        """Reads what is no event, which may be the words of an error."""
        self._unread = self._unread or first_words(frame.data)
        return self._fail_unread() if frame.event == b"error" else []

    def _fail_unread(self) -> list[Event]:
        return self._fail(ApiError(message=self._unread, format=NAME), EMPTY)

    def _done_word(self) -> list[Event]:
        """Reads `[DONE]`, which this API lacks: the end of an answer without another end."""
        if self._unread:
            return self._fail_unread()
        if not self._items.all:
            return []
        events = self.close()
        stop = Stop(reason="tool_calls" if self._called else "end")
        return [*events, Finish(stop), End()]

    def _error(self, event: JsonObject) -> list[Event]:
        error = find_error(event)
        error = error or ApiError(message="the provider reports an error", format=NAME)
        return self._fail(error, event)

    def _fail(self, error: ApiError, event: JsonObject) -> list[Event]:
        events = self.close()
        response = event.get("response")
        usage = read_response_usage(response) if isinstance(response, dict) else None
        return [*events, *([UsageUpdate(usage)] if usage else []), Failure(error)]

    def _item(self, event: JsonObject, type: str) -> Item:
        """Returns the item of a delta; a new one if the stream announced none."""
        return self._items.find(event, "", type) or self._items.add({"type": type}, event)

    def _begin_part(self, item: Item, at: int, part: Part) -> list[Event]:
        if at in item.parts:
            return []
        if isinstance(part, Text | Refusal) and not item.parts:
            members = rest(item.item, _MESSAGE)
            part = type(part)(text=part.text, extra=owned({"message": members}))
        said = item.parts[at] = ReadPart(self._next, type(part))
        self._next += 1
        return [PartStart(said.index, part)]

    def _begin_call(self, item: Item) -> list[Event]:
        """Starts a call once its name and id are known, with the arguments held back.

        Once the item is complete, it starts the call even without name or id.
        """
        if item.type not in _ARGUMENTS or item.parts:
            return []
        if not (item.done or (item.item.get("name") and item.item.get("call_id"))):
            return []
        call = read_call({**item.item, _ARGUMENTS[item.type]: ""})
        self._called = True
        events = self._begin_part(item, 0, call)
        item.parts[0].settling = Settling() if call.kind == "function" else None
        held = "".join(item.held)
        item.held.clear()
        return events + self._say_arguments(item.parts[0], held)

    def _say(self, said: ReadPart, text: str) -> list[Event]:
        if said.ended or not text:
            return []
        said.pieces.append(text)
        return [TextDelta(said.index, text)]

    def _say_arguments(self, said: ReadPart, text: str) -> list[Event]:
        if said.ended or not text:
            return []
        said.pieces.append(text)
        text = said.settling.feed(text) if said.settling else text
        return [ArgumentsDelta(said.index, text)] if text else []

    def _cite(self, said: ReadPart, citations: list[Citation]) -> list[Event]:
        if said.ended:
            return []
        said.citations += len(citations)
        return [CitationDelta(said.index, citation) for citation in citations]

    def _complete(self, item: Item, final: JsonObject) -> list[Event]:
        """Completes an item: emits what is missing, and ends its parts."""
        if item.done:
            return []
        if not final.get("call_id") and item.item.get("call_id"):
            final = {**final, "call_id": item.item["call_id"]}
        self._items.change(item, final)
        item.done = True
        events = self._begin_call(item)
        parts = read_item(final)
        # The placeholder for a message without text has no index of its own.
        first = -1 if is_hollow(parts[0]) else 0
        if item.type == "message":
            item.renumber(parts[-first:])
        for at, part in enumerate(parts, first):
            self._called = self._called or isinstance(part, ToolCall)
            if at >= 0 or not item.parts:
                events += self._complete_part(item, at, part)
        return events + self._end_parts(item)

    def _complete_part(self, item: Item, at: int, part: Part) -> list[Event]:
        events: list[Event] = []
        if at in item.parts and item.parts[at].kind is not type(part):
            return events
        match part:
            case Text() | Refusal():
                events = self._begin_part(item, at, type(part)(text=""))
                said = item.parts[at]
                events += self._say(said, _missing(said.pieces, part.text))
                if isinstance(part, Text):
                    events += self._cite(said, list(part.citations[said.citations :]))
                    tokens = read_tokens(own(part.extra).get("part", EMPTY).get("logprobs"))
                    if tokens and not said.logged:
                        events.append(Extra(extra_of(tokens)))
            case Thinking() if at in item.parts or part.text:
                empty = Thinking(id=part.id, summary=part.summary)
                events = self._begin_part(item, at, empty)
                said = item.parts[at]
                events += self._say(said, _missing(said.pieces, part.text))
                if part.signature and part.signer and not said.ended:
                    events.append(SignatureDelta(said.index, part.signature, part.signer))
            case ToolCall() if at in item.parts:
                said = item.parts[at]
                events = self._say_arguments(said, _missing(said.pieces, part.arguments))
                events += _let_go(said)
                if part.kind == "function":
                    part = altered(part, arguments=settled(part.arguments))
            case _:
                events = self._begin_part(item, at, part)
        said = item.parts[at]
        if not said.ended:
            said.ended = True
            words = part.arguments if isinstance(part, ToolCall) else getattr(part, "text", None)
            shorter = len(words or "") < sum(map(len, said.pieces))
            events.append(PartEnd(said.index, None if shorter else part))
        return events

    def _end_parts(self, item: Item) -> list[Event]:
        events: list[Event] = []
        if item.type in _ARGUMENTS and (call := item.parts.get(0)) and not call.pieces:
            # A provider that streams no arguments may announce the call with them.
            events += self._say_arguments(call, text_of(item.item.get(_ARGUMENTS[item.type])))
        for said in item.parts.values():
            if not said.ended:
                said.ended = True
                events += [*_let_go(said), PartEnd(said.index)]
        return events


def _let_go(said: ReadPart) -> list[Event]:
    """Returns the arguments that were held back, if they mean anything."""
    held = said.settling.close() if said.settling else ""
    return [ArgumentsDelta(said.index, held)] if held else []


def _missing(pieces: list[str], whole: str) -> str:
    """Returns the rest of `whole` after `pieces`."""
    said = "".join(pieces)
    return whole[len(said) :] if whole.startswith(said) else ""


def _id(item: Item) -> str | None:
    return text_of(item.item.get("id")) or None


type _Handler = Callable[[ResponsesStreamReader, JsonObject], list[Event]]

_HANDLERS: dict[str, _Handler] = {
    "response.output_item.added": ResponsesStreamReader._added,
    "response.output_item.done": ResponsesStreamReader._item_done,
    "response.content_part.added": ResponsesStreamReader._part_added,
    "response.output_text.delta": ResponsesStreamReader._text,
    "response.output_text.done": ResponsesStreamReader._text_done,
    "response.output_text.annotation.added": ResponsesStreamReader._annotation,
    "response.refusal.delta": ResponsesStreamReader._refusal,
    "response.refusal.done": ResponsesStreamReader._text_done,
    "response.reasoning_summary_text.delta": ResponsesStreamReader._summary,
    "response.reasoning_text.delta": ResponsesStreamReader._summary,
    "response.function_call_arguments.delta": ResponsesStreamReader._arguments,
    "response.function_call_arguments.done": ResponsesStreamReader._arguments_done,
    "response.custom_tool_call_input.delta": ResponsesStreamReader._arguments,
    "response.custom_tool_call_input.done": ResponsesStreamReader._arguments_done,
    "error": ResponsesStreamReader._error,
}
