"""Mends the numbers of a stream's events: `sequence_number` and `output_index`.

API reference, "Streaming events": each event has the former, which grows, and each event of an item
the latter, the item's place in the output. Other servers of the API leave them out, repeat them, or
give each item the place 0; OpenAI's SDK for Python raises an error for the place of another item.
Numbers that grow are right, even if some are missing: a stream that is resumed begins behind those
already sent, and OpenAI leaves out the places of items that it hides.
"""

import re

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.item_tracking import Items
from switchyard.wire.formats.openai_responses.names import text_of

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALARS = rb'\s*\{(?:\s*"[a-z_]*+"\s*:\s*(?:%b|\[\]|[\w.+-]++)\s*,)*?' % _STRING
"""The beginning of an object whose first members hold no other members."""

_SEQUENCE = re.compile(_SCALARS + rb'\s*"sequence_number"\s*:\s*(\d+)\s*[,}]')
_SEQUENCE_LAST = re.compile(rb'"sequence_number"\s*:\s*(\d+)\s*\}\s*\Z')
_INDEX = re.compile(_SCALARS + rb'\s*"output_index"\s*:\s*(\d+)\s*[,}]')

_LIFECYCLE = frozenset(
    f"response.{word}".encode()
    for word in ("created", "queued", "in_progress", "completed", "incomplete", "failed")
)
"""Events of the response as a whole, which can be large."""

_OF_ITEMS = tuple(
    f"response.{what}"
    for what in (
        *("output_item.", "content_part.", "output_text.", "refusal.", "reasoning"),
        *("function_call_arguments.", "custom_tool_call_input."),
    )
)
"""What the types of events begin with that are of an item, even if they name none."""


class Numbering:
    """The numbers that one stream's events had so far."""

    def __init__(self) -> None:
        self._sequence = -1
        self._items = Items()
        self._places: list[int] = []
        """The `output_index` of each item of `_items`, as the client knows it."""
        self._right = True
        """Whether the upstream has given each item the place that the client knows."""

    def next_sequence(self) -> int:
        """Returns the number of an event that the router adds."""
        self._sequence += 1
        return self._sequence

    def mend(self, name: bytes, data: bytes) -> JsonObject:
        """Returns the members that an event lacks or has wrong, mostly none.

        `name` is the one in its `event:` line, `data` its JSON.
        """
        if self._is_plain(name, data):
            return EMPTY
        body = loads_object(data)
        if body is None:
            return EMPTY
        kind = text_of(body.get("type")) or name.decode("utf-8", "replace")
        changes: JsonObject = {}
        given = whole_of(body.get("sequence_number"))
        if given is not None and given > self._sequence:
            self._sequence = given
        elif given is not None or kind.startswith("response.") or kind == "error":
            changes["sequence_number"] = self.next_sequence()
        place = self._place(kind, body)
        if place is not None and place != body.get("output_index"):
            changes["output_index"] = place
        return changes

    def _is_plain(self, name: bytes, data: bytes) -> bool:
        """Whether an event's numbers are right for certain, without all of it being read."""
        delta = name.endswith(b".delta")
        if not delta and name not in _LIFECYCLE:
            return False
        found = _SEQUENCE.match(data) or _SEQUENCE_LAST.search(data, max(0, len(data) - 64))
        if found is None or (number := int(found[1])) <= self._sequence:
            return False
        if delta:
            place = _INDEX.match(data)
            if not self._right or place is None or not self._places:
                return False
            if int(place[1]) != self._places[-1]:
                return False
        self._sequence = number
        return True

    def _place(self, kind: str, body: JsonObject) -> int | None:
        """Returns the place of the item that an event is of; None for one of no item."""
        given = whole_of(body.get("output_index"))
        item = body.get("item")
        if isinstance(item, dict) and kind == "response.output_item.added":
            known = self._items.open_as(item, body)
            return self._announce(item, body) if known is None else self._places[known.number]
        if isinstance(item, dict) and kind == "response.output_item.done":
            return self._done(item, body)
        if given is None and not text_of(body.get("item_id")) and not kind.startswith(_OF_ITEMS):
            return None
        found = self._items.find(body, "", "")
        if found is not None:
            return self._places[found.number]
        return max(self._places, default=0) if given is None else given

    def _done(self, item: JsonObject, body: JsonObject) -> int | None:
        given = whole_of(body.get("output_index"))
        if given is not None and self._items.is_told_twice(body, item):
            return given
        found = self._items.find(body, text_of(item.get("id")), text_of(item.get("type")))
        place = self._announce(item, body) if found is None else self._places[found.number]
        found = found or self._items.all[-1]
        self._items.change(found, item)
        found.done = True
        return place

    def _announce(self, item: JsonObject, body: JsonObject) -> int:
        """Returns the place of a new item: the one that it says, if no other item has it."""
        self._items.add(item, body)
        given = whole_of(body.get("output_index"))
        place = given
        if place is None or place in self._places:
            place = max(self._places, default=-1) + 1
        self._right = self._right and place == given
        self._places.append(place)
        return place
