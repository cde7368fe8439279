"""Reads the tool calls of one streamed choice into events."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.fragments import CallSoFar
from switchyard.wire.formats.openai_chat.fragments import Fragments
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.parts import Places
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import UNTYPED
from switchyard.wire.formats.openai_chat.tools import arguments_text
from switchyard.wire.formats.openai_chat.tools import gemini_signature
from switchyard.wire.formats.openai_chat.tools import made_up_id
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta

_COMPARED = 64
"""Calls of a choice that are compared with a deprecated `function_call`, which may repeat one."""

_KNOWN = frozenset({"index", "id", "type", "function", "custom"})


class Calls:
    """Reads the call fragments of one choice. `places` numbers the choice's parts.

    A call starts once its name is known. Complete calls end when the next one starts, so that a
    writer with one open block at a time need not wait; an incomplete call stays open.
    """

    def __init__(self, choice: int, places: Places, seed: str) -> None:
        self._choice = choice
        self._places = places
        self._seed = seed
        self._fragments = Fragments()
        self._calls: list[_Call] = []
        self._sorted: list[_Call] = []
        """The calls of `_fragments`, by their numbers."""
        self._grown: dict[int, _Call] = {}
        """Calls that have grown since the last check for completeness, by their place among all."""
        self._legacy: _Call | None = None

    def __bool__(self) -> bool:
        return bool(self._calls)

    def read(self, raw: JsonObject) -> list[Event]:
        """Reads one entry of a delta's `tool_calls`."""
        fragment = self._fragments.take(raw)
        events: list[Event] = []
        if fragment.new:
            events += self.end_complete()
            form = "" if raw.get("type") else UNTYPED
            call = _Call(self._fragments.calls[fragment.number], form, len(self._calls))
            call.extra = {k: v for k, v in raw.items() if k not in _KNOWN}
            self._calls.append(call)
            self._sorted.append(call)
        call = self._sorted[fragment.number]
        if call.signature is None and (signature := gemini_signature(raw)) is not None:
            events += self._sign(call, signature)
        return events + self._add(call, fragment.text)

    def sign_first(self, signature: str) -> list[Event]:
        """Adds Google's proof of the message to its first call, which it belongs to."""
        first = self._calls[0] if self._calls else None
        return self._sign(first, signature) if first and first.signature is None else []

    def read_legacy(self, raw: JsonObject) -> list[Event]:
        """Reads a delta's deprecated `function_call`; a choice has at most one."""
        name, text = text_of(raw.get("name")), arguments_text(raw.get("arguments"))
        if not name and not text:
            return []
        if self._legacy is None:
            if any(call.said.is_the_same(name, text) for call in self._calls[:_COMPARED]):
                return []  # the provider repeats a call of `tool_calls` as `function_call`
            self._legacy = _Call(CallSoFar(), LEGACY, len(self._calls))
            self._calls.append(self._legacy)
        said = self._legacy.said
        said.name = said.name or name
        text = said.settle(text)
        said.add(text)
        return self._add(self._legacy, text)

    def end_complete(self) -> list[Event]:
        """Ends the calls whose arguments are complete."""
        events: list[Event] = []
        for _, call in sorted(self._grown.items()):
            if call.part is not None and not call.ended and call.said.is_complete():
                events += self._end(call, call.part)
        self._grown.clear()
        return events

    def end_all(self) -> list[Event]:
        """Ends the open calls, and starts and ends those that never received a name."""
        events: list[Event] = []
        for call in self._calls:
            if call.part is None:
                call.said.add(call.said.held())
                events += self._start(call)
            if call.part is not None and not call.ended:
                events += self._end(call, call.part)
        return events

    def _end(self, call: "_Call", part: int) -> list[Event]:
        """Ends an open call, with the arguments that were held back."""
        call.ended = True
        held = call.said.held()
        call.said.add(held)
        said: list[Event] = [ArgumentsDelta(part, held, self._choice)] if held else []
        return [*said, PartEnd(part, choice=self._choice)]

    def _sign(self, call: "_Call", signature: str) -> list[Event]:
        call.signature = signature
        if call.part is None or call.ended:
            return []
        return [SignatureDelta(call.part, signature, "gemini", self._choice)]

    def _add(self, call: "_Call", text: str) -> list[Event]:
        if not call.ended:
            self._grown[call.number] = call
        if call.part is None:
            return self._start(call) if call.said.name else []
        if not text or call.ended:
            return []
        return [ArgumentsDelta(call.part, text, self._choice)]

    def _start(self, call: "_Call") -> list[Event]:
        call.part = self._places.take()
        said = call.said
        part = ToolCall(
            id=said.id or made_up_id(self._seed, call.number),
            name=said.name,
            kind="custom" if said.custom else "function",
            signature=call.signature,
            signer="gemini" if call.signature else None,
            extra=call.extra,
            form=call.form,
        )
        events: list[Event] = [PartStart(call.part, part, self._choice)]
        if text := said.text():
            events.append(ArgumentsDelta(call.part, text, self._choice))
        return events


class _Call:
    __slots__ = ("ended", "extra", "form", "number", "part", "said", "signature")

    def __init__(self, said: CallSoFar, form: str, number: int) -> None:
        self.said = said
        self.number = number
        self.form = form
        self.extra: JsonObject = {}
        self.signature: str | None = None
        self.part: int | None = None
        """Its index among the parts, once it has started."""
        self.ended = False
