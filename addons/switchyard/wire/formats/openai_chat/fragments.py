"""Assigns fragments of streamed tool calls to their calls.

The API gives each call an `index`, its id and name in the first fragment, and arguments in the
rest. Providers omit indexes or ids, repeat ids and names in every fragment, give every parallel
call the index 0 (Google's compatible address, even without another id or name), write arguments as
an object, begin with an empty object in their place, start a call before its name, or repeat all
arguments at the end.
"""

from dataclasses import dataclass
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_chat.names import text_of
from switchyard.wire.formats.openai_chat.tools import arguments_text
from switchyard.wire.formats.openai_chat.tools import is_custom
from switchyard.wire.shared.arguments import Settling
from switchyard.wire.shared.arguments import settled

_LOOKS = 16
"""Checks for a complete call that are made whatever the size of its arguments."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """Holds one entry of a delta's `tool_calls` in a normalised form."""

    number: int
    """Number of its call within the choice, from 0 in the order in which calls start."""
    new: bool
    """Whether the call starts with this fragment."""
    name: str
    """The function's name, in the fragment that first states it."""
    text: str
    """The arguments, or the input, that the fragment adds."""


class Fragments:
    """Assigns the fragments of one choice to calls."""

    def __init__(self) -> None:
        self.calls: list[CallSoFar] = []
        self._by_index: dict[int, int] = {}
        self._by_id: dict[str, int] = {}
        """The first call of each id."""

    def take(self, raw: JsonObject) -> Fragment:
        """Adds one entry of `tool_calls` to its call, and returns it normalised."""
        custom = is_custom(raw)
        index = whole_of(raw.get("index"))
        call_id, (name, text) = text_of(raw.get("id")), _said(raw, custom)
        number = self._find(index, call_id, name)
        if number is not None and self.calls[number].custom != custom:
            name, text = _said(raw, not custom)
        if number is not None and _begins_another(self.calls[number], name, text):
            name = name or self.calls[number].name
            number = None
        new = number is None
        if number is None:
            number = len(self.calls)
            self.calls.append(CallSoFar(custom))
            if index is not None:
                self._by_index[index] = number
        call = self.calls[number]
        if call_id and not call.id:
            call.id = call_id
            self._by_id.setdefault(call_id, number)
        named = "" if call.name else name
        call.name = call.name or name
        text = "" if call.repeats(text) else call.settle(text)
        call.add(text)
        return Fragment(number, new, named, text)

    def _find(self, index: int | None, call_id: str, name: str) -> int | None:
        """Returns the number of a fragment's call; None if it starts a new one."""
        if index is not None:
            number = self._by_index.get(index)
            if number is None or self._is_another(self.calls[number], call_id, name):
                return None
            return number
        if call_id and (known := self._by_id.get(call_id)) is not None:
            return known
        last = self.calls[-1] if self.calls else None
        if last is None or (call_id and last.id):
            return None
        if name and last.name and (name != last.name or last.is_complete()):
            return None
        return len(self.calls) - 1

    def _is_another(self, call: "CallSoFar", call_id: str, name: str) -> bool:
        """Whether a fragment with the index of `call` starts another call.

        It does if its id is new and it names a function, unless the provider makes a new id for
        every fragment of the same call.
        """
        if not call_id or not name or not call.id or call_id == call.id:
            return False
        return name != call.name or call.is_complete()


class CallSoFar:
    """Holds a call as far as its fragments have stated it."""

    __slots__ = ("_judged", "_looks", "_settling", "_size", "custom", "id", "name", "pieces")

    def __init__(self, custom: bool = False) -> None:
        self.custom = custom
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self._size = 0
        self._judged: tuple[int, bool] = (0, False)
        """Size of the arguments at the last check for completeness, and its result."""
        self._looks = 0
        self._settling = Settling()

    @property
    def says_nothing(self) -> bool:
        """Whether all arguments so far are a word that means no arguments."""
        return self._settling.says_nothing

    @property
    def is_bare(self) -> bool:
        """Whether a function has no arguments so far."""
        return not (self.custom or self._size)

    def settle(self, text: str) -> str:
        """Returns the part of the arguments after `text` that may be sent on."""
        return text if self.custom else self._settling.feed(text)

    def keep(self) -> None:
        """Takes the empty arguments so far for all that the call has."""
        self.add(self._settling.keep())

    def held(self) -> str:
        """Returns the arguments still held back at the end, if they mean anything."""
        return self._settling.close()

    def add(self, text: str) -> None:
        """Appends to the arguments."""
        if text:
            self.pieces.append(text)
            self._size += len(text)

    def text(self) -> str:
        """All arguments so far."""
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def is_complete(self) -> bool:
        """Whether the arguments are one whole JSON value, or possibly whole free text.

        After many checks, the next one waits until the arguments have doubled: an upstream can send
        any number of fragments, and each check reads all of the arguments.
        """
        if self.says_nothing:
            return True
        size, complete = self._judged
        if self.custom or self._size == size:
            return bool(self._size) if self.custom else complete
        if self._looks >= _LOOKS and self._size < 2 * size:
            return False
        self._looks += 1
        complete = self.pieces[-1].rstrip()[-1:] in ("}", "]", "") and _is_json(self.text())
        self._judged = self._size, complete
        return complete

    def is_the_same(self, name: str, text: str) -> bool:
        """Whether this is a call with that name and those arguments."""
        if self.says_nothing:
            return self.name == name and settled(text) == "{}"
        return self._size == len(text) and self.name == name and self.text() == text

    def repeats(self, text: str) -> bool:
        """Whether `text` repeats all arguments."""
        if len(text) != self._size or len(text) < 2 or text[0] != "{":
            return False
        return text == self.text() and _is_json(text)


def _said(raw: JsonObject, custom: bool) -> tuple[str, str]:
    """Returns name and arguments of an entry of `tool_calls`, or the input if it is `custom`."""
    inner = raw.get("custom") if custom else raw.get("function")
    inner = inner if isinstance(inner, dict) else {}
    text = arguments_text(inner.get("input") if custom else inner.get("arguments"))
    return text_of(inner.get("name")), text


def _begins_another(call: CallSoFar, name: str, text: str) -> bool:
    """Whether a name and arguments are of another call than `call`, whose index or id they have.

    Nothing follows an object that is whole, unless it is that object once more.
    """
    if call.custom or text.lstrip()[:1] != "{" or not call.is_complete():
        return False
    if name and call.name and name != call.name:
        return True
    # An empty object may stand in the place of the arguments.
    return not (call.says_nothing or call.text() == "{}" or call.repeats(text))


def _is_json(text: str) -> bool:
    try:
        value: Any = loads(text)
    except ValueError:
        return False
    return isinstance(value, dict | list)
