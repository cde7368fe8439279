"""Gives each call of a stream that passes through a `call_id` of its own.

API reference, "Streaming events": `call_id` stands in the events of an item that is added or done,
and in the response of the terminal event.
"""

from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.shared.call_ids import UnusedIds

MARK = b'"call_id"'
"""Every event that has the id of a call contains this."""

_ITEMS = ("response.output_item.added", "response.output_item.done")


class OwnIds:
    """The ids of the calls of one stream, as the client knows them."""

    def __init__(self, ids: UnusedIds) -> None:
        self._ids = ids
        self._known: dict[int, tuple[str, str]] = {}
        """The id that the upstream gave and the one that the client knows, by the item's place."""
        self.changed = False
        """Whether the client knows a call by another id than the upstream."""

    def mend(self, body: JsonObject, place: int | None) -> JsonObject:
        """Returns an event with the ids that the client knows; `body` itself if they are those.

        `place` is the item's `output_index`, as the client knows it.
        """
        kind = body.get("type")
        if kind in _ITEMS:
            item = body.get("item")
            made = self._item(item, whole_of(body.get("output_index")) if place is None else place)
            return body if made is item else {**body, "item": made}
        response = body.get("response")
        if self.changed and isinstance(response, dict):
            made = self.mend_reply(response)
            return body if made is response else {**body, "response": made}
        return body

    def mend_reply(self, response: JsonObject) -> JsonObject:
        """Returns the whole response with the ids that the client knows; itself if it has them."""
        output = response.get("output")
        if not self.changed or not isinstance(output, list):
            return response
        left = [self._known[place] for place in sorted(self._known)]
        mended: list[Any] = []
        for item in output:
            given = _call_id(item)
            pair = next((pair for pair in left if pair[0] == given), None) if given else None
            if pair is not None:
                left.remove(pair)
                item = item if pair[1] == given else {**item, "call_id": pair[1]}
            mended.append(item)
        return response if are_same(mended, output) else {**response, "output": mended}

    def _item(self, item: Any, place: int | None) -> Any:
        given = _call_id(item)
        if not given or place is None:
            return item
        if place not in self._known:
            self._known[place] = given, self._ids.of(given)
        before, new = self._known[place]
        if before != given or new == given:
            return item
        self.changed = True
        return {**item, "call_id": new}


def _call_id(item: Any) -> str:
    """Returns the id of a call; empty for an item that is none, and for a call's result."""
    if not isinstance(item, dict) or not text_of(item.get("type")).endswith("_call"):
        return ""
    return text_of(item.get("call_id"))
