"""Fragments of streamed tool calls: which call each belongs to, and what it adds.

The API gives each call an `index`, its id and name in the first fragment, and arguments in the
rest. Providers leave out indexes or ids, repeat ids and names in every fragment, give every
parallel call the index 0, write arguments as an object, begin a call before they name it, or say
all arguments once more at the end.
"""

from dataclasses import dataclass
from typing import Any

from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import loads
from addons.wire.openai_chat.names import int_of
from addons.wire.openai_chat.names import text_of
from addons.wire.openai_chat.tools import arguments_text
from addons.wire.openai_chat.tools import is_custom


@dataclass(frozen=True, slots=True)
class Fragment:
    """One entry of a delta's `tool_calls`, understood."""

    number: int
    """Which call of the choice it belongs to, counted from 0 in the order they begin."""
    new: bool
    """Whether the call begins with it."""
    name: str
    """The function's name, where this is the fragment that tells it."""
    text: str
    """The arguments, or the input, it adds."""


class Fragments:
    """Sorts the fragments of one choice into calls."""

    def __init__(self) -> None:
        self.calls: list[CallSoFar] = []
        self._by_index: dict[int, int] = {}

    def take(self, raw: JsonObject) -> Fragment:
        """Add one entry of `tool_calls` to the call it belongs to."""
        custom = is_custom(raw)
        inner = raw.get("custom") if custom else raw.get("function")
        inner = inner if isinstance(inner, dict) else {}
        index = int_of(raw.get("index"))
        call_id, name = text_of(raw.get("id")), text_of(inner.get("name"))
        text = arguments_text(inner.get("input") if custom else inner.get("arguments"))
        number = self._find(index, call_id, name)
        new = number is None
        if number is None:
            number = len(self.calls)
            self.calls.append(CallSoFar(custom))
            if index is not None:
                self._by_index[index] = number
        call = self.calls[number]
        call.id = call.id or call_id
        named = "" if call.name else name
        call.name = call.name or name
        if call.repeats(text):
            text = ""
        if text:
            call.pieces.append(text)
        return Fragment(number, new, named, text)

    def _find(self, index: int | None, call_id: str, name: str) -> int | None:
        """The call a fragment goes on with; None if it begins a new one."""
        if index is not None:
            number = self._by_index.get(index)
            if number is None or self._is_another(self.calls[number], call_id, name):
                return None
            return number
        for number, call in enumerate(self.calls):
            if call_id and call.id == call_id:
                return number
        last = self.calls[-1] if self.calls else None
        if last is None or (call_id and last.id):
            return None
        if name and last.name and (name != last.name or last.is_complete()):
            return None
        return len(self.calls) - 1

    def _is_another(self, call: "CallSoFar", call_id: str, name: str) -> bool:
        """Whether a fragment under the index of `call` begins another call: its id is new and it
        names a function, unless the id is made anew for every fragment of the one call."""
        if not call_id or not name or not call.id or call_id == call.id:
            return False
        return name != call.name or call.is_complete()


class CallSoFar:
    """A call as its fragments have told it."""

    __slots__ = ("custom", "id", "name", "pieces")

    def __init__(self, custom: bool = False) -> None:
        self.custom = custom
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []

    def text(self) -> str:
        """All arguments so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def is_complete(self) -> bool:
        """Whether the arguments so far are one whole JSON value, or free text that may be."""
        text = self.text()
        return bool(text) and (self.custom or _is_json(text))

    def repeats(self, text: str) -> bool:
        """Whether `text` says all the arguments once more."""
        return len(text) > 1 and text[:1] == "{" and text == self.text() and _is_json(text)


def _is_json(text: str) -> bool:
    try:
        value: Any = loads(text)
    except ValueError:
        return False
    return isinstance(value, dict | list)
