"""Tool calls of one streamed choice: which call a fragment belongs to, and when one is complete.

The API gives each call an `index`, its id and name in the first fragment, and arguments in the
rest. Providers leave out indexes or ids, repeat ids and names in every fragment, give every
parallel call the index 0, write arguments as an object, or begin a call before they name it.
"""

from typing import Any

from addons.wire.conversation import ToolCall
from addons.wire.events import ArgumentsDelta
from addons.wire.events import Event
from addons.wire.events import PartEnd
from addons.wire.events import PartStart
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import loads
from addons.wire.openai_chat.names import int_of
from addons.wire.openai_chat.names import text_of
from addons.wire.openai_chat.parts import Places
from addons.wire.openai_chat.tools import LEGACY
from addons.wire.openai_chat.tools import UNTYPED
from addons.wire.openai_chat.tools import arguments_text
from addons.wire.openai_chat.tools import gemini_signature
from addons.wire.openai_chat.tools import is_custom
from addons.wire.openai_chat.tools import made_up_id

_KNOWN = frozenset({"index", "id", "type", "function", "custom"})


class Calls:
    """Reads the call fragments of one choice. `places` numbers the parts of the choice."""

    def __init__(self, choice: int, places: Places, seed: str) -> None:
        self._choice = choice
        self._places = places
        self._seed = seed
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    def read(self, raw: JsonObject) -> list[Event]:
        """One entry of a delta's `tool_calls`."""
        custom = is_custom(raw)
        inner = raw.get("custom") if custom else raw.get("function")
        inner = inner if isinstance(inner, dict) else {}
        name = text_of(inner.get("name"))
        text = arguments_text(inner.get("input") if custom else inner.get("arguments"))
        call_id = text_of(raw.get("id"))
        index = int_of(raw.get("index"))
        call = self._find(index, call_id, name)
        events: list[Event] = []
        if call is None:
            events += self.end_complete()
            call = _Call(call_id, name)
            call.custom = custom
            call.form = "" if raw.get("type") else UNTYPED
            call.extra = {k: v for k, v in raw.items() if k not in _KNOWN}
            self._calls.append(call)
            if index is not None:
                self._by_index[index] = call
        call.id = call.id or call_id
        call.name = call.name or name
        call.signature = call.signature or gemini_signature(raw)
        return events + self._add(call, text)

    def read_legacy(self, raw: JsonObject) -> list[Event]:
        """A delta's deprecated `function_call`, of which there is one a choice."""
        name, text = text_of(raw.get("name")), arguments_text(raw.get("arguments"))
        if not name and not text:
            return []
        call = next((call for call in self._calls if call.form == LEGACY), None)
        if call is None:
            if any(c.name == name and c.text() == text for c in self._calls):
                return []  # the same call, said the old and the new way
            call = _Call("", name)
            call.form = LEGACY
            self._calls.append(call)
        return self._add(call, text)

    def end_complete(self) -> list[Event]:
        """Ends the calls whose arguments are complete. An open one may still go on."""
        events: list[Event] = []
        for call in self._calls:
            if call.part is not None and not call.ended and call.is_complete():
                call.ended = True
                events.append(PartEnd(call.part, choice=self._choice))
        return events

    def end_all(self) -> list[Event]:
        """Ends what is open, and gives out calls that were never named."""
        events: list[Event] = []
        for call in self._calls:
            if call.part is None:
                events += self._start(call)
            if call.part is not None and not call.ended:
                call.ended = True
                events.append(PartEnd(call.part, choice=self._choice))
        return events

    def _find(self, index: int | None, call_id: str, name: str) -> "_Call | None":
        """The call a fragment goes on with; None if it begins a new one."""
        if index is not None:
            call = self._by_index.get(index)
            return None if call is None or _is_another(call, call_id, name) else call
        if call_id:
            call = next((call for call in self._calls if call.id == call_id), None)
            if call is not None:
                return call
        last = self._calls[-1] if self._calls else None
        if last is None or (call_id and last.id and last.id != call_id):
            return None
        if name and last.name and (name != last.name or last.is_complete()):
            return None
        return last

    def _add(self, call: "_Call", text: str) -> list[Event]:
        if call.part is None:
            if text:
                call.pieces.append(text)
            return self._start(call) if call.name else []
        if not text or call.ended or call.repeats(text):
            return []
        call.pieces.append(text)
        return [ArgumentsDelta(call.part, text, self._choice)]

    def _start(self, call: "_Call") -> list[Event]:
        call.part = self._places.take()
        number = self._calls.index(call)
        part = ToolCall(
            id=call.id or made_up_id(self._seed, number),
            name=call.name,
            kind="custom" if call.custom else "function",
            signature=call.signature,
            signer="gemini" if call.signature else None,
            extra=call.extra,
            form=call.form,
        )
        events: list[Event] = [PartStart(call.part, part, self._choice)]
        if text := call.text():
            events.append(ArgumentsDelta(call.part, text, self._choice))
        return events


class _Call:
    __slots__ = ("custom", "ended", "extra", "form", "id", "name", "part", "pieces", "signature")

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self.name = name
        self.custom = False
        self.form = ""
        self.extra: JsonObject = {}
        self.signature: str | None = None
        self.part: int | None = None
        """Its place among the parts, once it was given out."""
        self.pieces: list[str] = []
        self.ended = False

    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def is_complete(self) -> bool:
        """Whether the arguments so far are one whole JSON value, or free text that may be."""
        text = self.text()
        return bool(text) and (self.custom or _is_json(text))

    def repeats(self, text: str) -> bool:
        """Whether `text` says all the arguments once more, as some do at the end."""
        return len(text) > 1 and text[:1] == "{" and text == self.text() and _is_json(text)


def _is_another(call: _Call, call_id: str, name: str) -> bool:
    """Whether a fragment under the index of `call` begins another call: its id is new and it
    names a function, unless the id is made anew for every fragment of the one call."""
    if not call_id or not name or call_id == call.id or not call.id:
        return False
    return name != call.name or call.is_complete()


def _is_json(text: str) -> bool:
    try:
        value: Any = loads(text)
    except ValueError:
        return False
    return isinstance(value, dict | list)
