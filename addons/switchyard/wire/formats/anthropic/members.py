"""Takes the members of a JSON object that the neutral model has names for."""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject


class Members:
    """Tracks which members of one JSON object were taken.

    A member that is null or of an unexpected type is not taken, so it stays in `rest`, and a writer
    of the same format restores it unchanged.
    """

    __slots__ = ("_source", "_taken")

    def __init__(self, source: JsonObject, *known: str) -> None:
        """Takes in `known` the members whose value is already understood (`type`)."""
        self._source = source
        self._taken = set(known)

    def take(self, key: str, *types: type) -> Any:
        """Returns the member's value if it has one of these JSON types; otherwise None."""
        value = self._source.get(key)
        if type(value) not in types:
            return None
        self._taken.add(key)
        return value

    def take_filled(self, key: str, kind: type) -> Any:
        """Like `take`, but does not take an empty list, object or text."""
        return self.take(key, kind) if self._source.get(key) else None

    def rest(self) -> JsonObject:
        """Returns the members that were not taken."""
        rest = {k: v for k, v in self._source.items() if k not in self._taken}
        return rest or EMPTY
