"""Tells apart the items of a stream, and what was said of each.

Items are found by id or by `output_index`, whichever an event has: some providers give an item
another id in every event, some give every item the index 0.
"""

from dataclasses import dataclass
from dataclasses import field

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.names import int_of
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.shared.arguments import Settling

_NO_ID: JsonObject = {"id": None}


@dataclass(slots=True)
class ReadPart:
    """What was said of one part so far."""

    index: int
    """The event index of the part."""
    kind: type
    pieces: list[str] = field(default_factory=list)
    settling: Settling | None = None
    """Of a function's call: what of its arguments goes on."""
    citations: int = 0
    logged: bool = False
    """Whether log probabilities of its words were told."""
    ended: bool = False


@dataclass(slots=True)
class Item:
    """One item of the output, as far as it has come."""

    item: JsonObject
    parts: dict[int, ReadPart] = field(default_factory=dict)
    """What was begun: by content index in a message, else the one part of the item."""
    thought: tuple[str, int] | None = None
    """Which list of a reasoning item was added to, and at which entry last."""
    held: list[str] = field(default_factory=list)
    """Arguments of a call whose name is not known yet."""
    done: bool = False

    @property
    def type(self) -> str:
        return text_of(self.item.get("type"))


class Items:
    """The items of one stream, in the order they came in."""

    def __init__(self) -> None:
        self.all: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._by_index: dict[int, Item] = {}

    def add(self, item: JsonObject, event: JsonObject) -> Item:
        """A new item, at the place that `event` names."""
        new = Item(item)
        self.all.append(new)
        if id := text_of(item.get("id")) or text_of(event.get("item_id")):
            self._by_id[id] = new
        if (index := int_of(event.get("output_index"))) is not None:
            self._by_index[index] = new
        return new

    def open_with(self, id: str) -> Item | None:
        """The item of this id, if it is not complete."""
        item = self._by_id.get(id)
        return item if item is not None and not item.done else None

    def is_told_twice(self, event: JsonObject, item: JsonObject) -> bool:
        """Whether the item at this place was completed as the very same, whatever id it had."""
        last = self._by_index.get(int_of(event.get("output_index")) or 0)
        return last is not None and last.done and last.item | _NO_ID == item | _NO_ID

    def find(self, event: JsonObject, id: str, type: str) -> Item | None:
        """The item an event means: by its id, by its index, or the one that is open. `type` is how
        its type has to end, where the id does not tell."""
        found = self._by_id.get(id or text_of(event.get("item_id")))
        if found is not None:
            return found
        index = int_of(event.get("output_index"))
        if index is not None:
            found = self._by_index.get(index)
        elif self.all:
            found = self.all[-1]
        if found is None or found.done or not found.type.endswith(type):
            return None
        return found

    def match(self, index: int, final: JsonObject) -> Item | None:
        """The item that the last response has as `final`."""
        if (found := self._by_id.get(text_of(final.get("id")))) is not None:
            return found
        found = self._by_index.get(index)
        if found is not None and found.type == final.get("type"):
            return found
        call_id = final.get("call_id")
        same = (i for i in self.all if call_id and i.item.get("call_id") == call_id)
        return next((i for i in same if i.type == final.get("type")), None)
