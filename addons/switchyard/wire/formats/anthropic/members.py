"""Takes the members of a JSON object that the neutral model has names for; keeps the rest."""

from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject


class Members:
    """The members of one JSON object, and which of them were taken.

    A member that is null or of another type than expected is not taken, so it stays in `rest` and
    a writer of the same format puts it back as it was.
    """

    __slots__ = ("_source", "_taken")

    def __init__(self, source: JsonObject, *known: str) -> None:
        """`known` are members whose value is understood already (`type`)."""
        self._source = source
        self._taken = set(known)

    def take(self, key: str, *types: type) -> Any:
        """The member's value if it is of one of these JSON types; else None."""
        value = self._source.get(key)
        if type(value) not in types:
            return None
        self._taken.add(key)
        return value

    def take_filled(self, key: str, kind: type) -> Any:
        """Like `take`, but leaves an empty list, object or text where it is."""
        return self.take(key, kind) if self._source.get(key) else None

    def rest(self) -> JsonObject:
        """What was not taken."""
        rest = {k: v for k, v in self._source.items() if k not in self._taken}
        return rest or EMPTY
