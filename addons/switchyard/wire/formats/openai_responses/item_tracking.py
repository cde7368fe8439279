"""Tracks the items of a stream and the content emitted for each.

Items are found by id or by `output_index`, whichever an event has: some providers give an item
another id in every event, some give every item the index 0.
"""

from bisect import bisect_left
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.shared.arguments import Settling

_NO_ID: JsonObject = {"id": None}
_CALL = ("call_id", "type", "name")
"""Members that two items of one call have in common."""


@dataclass(slots=True)
class ReadPart:
    """Holds the content emitted for one part so far."""

    index: int
    """The event index of the part."""
    kind: type
    pieces: list[str] = field(default_factory=list)
    settling: Settling | None = None
    """Decides for a function call which of its arguments may be emitted."""
    citations: int = 0
    logged: bool = False
    """Whether log probabilities of its text were emitted."""
    ended: bool = False

    def begins(self, whole: str) -> bool:
        """Whether text of the part was emitted, and `whole` begins with it."""
        return bool(self.pieces) and whole.startswith("".join(self.pieces))

    def fits(self, kind: type, whole: str) -> bool:
        """Whether the part can become one of this kind that is complete as `whole`."""
        return self.kind is kind and whole.startswith("".join(self.pieces))


@dataclass(slots=True)
class Item:
    """Holds one item of the output in its current state."""

    item: JsonObject
    """Changed by `Items.change` alone."""
    number: int
    """Its place in `Items.all`."""
    parts: dict[int, ReadPart] = field(default_factory=dict)
    """Parts that have started: by content index in a message, else the item's only part."""
    thought: tuple[str, int] | None = None
    """The list of a reasoning item that last grew, and the index of its entry."""
    held: list[str] = field(default_factory=list)
    """Arguments of a call whose name is not known yet."""
    done: bool = False

    @property
    def type(self) -> str:
        return text_of(self.item.get("type"))

    def place(self, at: int, like: Text | Refusal, whole: str) -> int:
        """Returns the index of the part that is complete as `whole`.

        It is of the kind of `like`, and at `at` by its event.
        """
        if at in self.parts:
            return at
        for place, said in self.parts.items():
            if said.kind is type(like) and not said.ended and said.begins(whole):
                return place
        return at

    def renumber(self, parts: Sequence[Part]) -> None:
        """Moves emitted content to its index in `parts`, those of the complete item.

        Some servers count the parts of all items together in deltas (vLLM with gpt-oss, Bedrock).
        """
        places = sorted(self.parts)
        if not places or places[-1] < len(parts):
            return
        said = self.parts
        self.parts = {}
        for at, part in enumerate(parts):
            found = said[places[0]] if places else None
            words = part.text if isinstance(part, Text | Refusal) else None
            if found is not None and words is not None and found.fits(type(part), words):
                self.parts[at] = said[places.pop(0)]
        for place in places:
            self.parts[len(parts) + place] = said[place]


class Items:
    """Holds the items of one stream in the order of their arrival."""

    def __init__(self) -> None:
        self.all: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._by_index: dict[int, Item] = {}
        self._by_call: dict[str, list[int]] = {}
        """The numbers, in order, of the items that are a call, by `_call_of`."""

    def add(self, item: JsonObject, event: JsonObject) -> Item:
        """Adds a new item at the place that `event` names."""
        new = Item(item, len(self.all))
        self.all.append(new)
        self._place(new, item, event)
        self._note_call(new)
        return new

    def change(self, known: Item, item: JsonObject) -> None:
        """Replaces the state of a known item by `item`."""
        before = _call_of(known.item)
        known.item = item
        if _call_of(item) == before:
            return
        if before:
            numbers = self._by_call[before]
            del numbers[bisect_left(numbers, known.number)]
            if not numbers:
                del self._by_call[before]
        self._note_call(known)

    def _note_call(self, known: Item) -> None:
        if call := _call_of(known.item):
            insort(self._by_call.setdefault(call, []), known.number)

    def _place(self, known: Item, item: JsonObject, event: JsonObject) -> None:
        if id := text_of(item.get("id")) or text_of(event.get("item_id")):
            self._by_id[id] = known
        if (index := whole_of(event.get("output_index"))) is not None:
            self._by_index[index] = known

    def open_as(self, item: JsonObject, event: JsonObject) -> Item | None:
        """Returns the open item that `item` announces again, by its id or its call."""
        found = self._by_id.get(text_of(item.get("id"))) or self._of_call(item)
        if found is None or found.done:
            return None
        self._place(found, item, event)
        return found

    def _of_call(self, item: JsonObject) -> Item | None:
        """Returns the last item that is the same call, whatever its id was."""
        numbers = self._by_call.get(_call_of(item))
        return self.all[numbers[-1]] if numbers else None

    def is_told_twice(self, event: JsonObject, item: JsonObject) -> bool:
        """Whether the same item was already completed here, whatever its id was."""
        last = self._by_index.get(whole_of(event.get("output_index")) or 0)
        for told in (last, self._of_call(item)):
            if told is not None and told.done and told.item | _NO_ID == item | _NO_ID:
                return True
        return False

    def find(self, event: JsonObject, id: str, type: str) -> Item | None:
        """Returns the item that an event means: by its id, by its index, or the open one.

        `type` is the end that its type must have if the id does not identify it.
        """
        found = self._by_id.get(id or text_of(event.get("item_id")))
        if found is not None:
            return found
        index = whole_of(event.get("output_index"))
        if index is not None:
            found = self._by_index.get(index)
        elif self.all:
            found = self.all[-1]
        if found is None or found.done or not found.type.endswith(type):
            return None
        return found

    def match(self, index: int, final: JsonObject) -> Item | None:
        """Returns the item that the last response has as `final`."""
        if (found := self._by_id.get(text_of(final.get("id")))) is not None:
            return found
        found = self._by_index.get(index)
        if found is not None and found.type == final.get("type"):
            return found
        call_id = final.get("call_id")
        same = (i for i in self.all if call_id and i.item.get("call_id") == call_id)
        return next((i for i in same if i.type == final.get("type")), None)


def _call_of(item: JsonObject) -> str:
    """Returns what two items of one call have in common; nothing for what is no call."""
    call = tuple(map(item.get, _CALL))
    return repr(call) if call[0] else ""
