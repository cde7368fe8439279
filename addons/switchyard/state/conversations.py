"""Keeps conversations for clients that name only the response they continue."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ENTRIES = 10_000
MAX_BYTES = 256 * 1024 * 1024
"""Room for long conversations of many clients; each answer keeps all that led to it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One conversation up to and with an answer."""

    data: bytes
    """The conversation, in the form its keeper writes."""
    items: tuple[str, ...]
    """Ids of the answer's own items."""


class Conversations:
    """Conversations by their owner and the id of their last response.

    Bounded by number and by bytes; the least recently used goes first. No owner finds what another
    one keeps, whatever ids it knows.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[bytes, str], Kept] = OrderedDict()
        self._of_item: dict[tuple[bytes, str], str] = {}
        """The answer that an item belongs to."""
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._bytes

    def put(self, owner: bytes, id: str, data: bytes, items: Sequence[str] = ()) -> None:
        """Keep a conversation, in place of one with the same id.

        A conversation larger than the whole room is not kept.
        """
        key = (owner, id)
        self._drop(key)
        if len(data) > self._max_bytes or self._max_entries < 1:
            return
        self._kept[key] = Kept(data, tuple(items))
        self._bytes += len(data)
        for item in items:
            self._of_item[owner, item] = id
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def get(self, owner: bytes, id: str) -> bytes | None:
        """The conversation that ended with answer `id`; None if it is not kept."""
        kept = self._kept.get((owner, id))
        if kept is None:
            return None
        self._kept.move_to_end((owner, id))
        return kept.data

    def with_item(self, owner: bytes, item: str) -> bytes | None:
        """The conversation whose last answer has the item; None if it is not kept."""
        id = self._of_item.get((owner, item))
        return None if id is None else self.get(owner, id)

    def drop(self, owner: bytes, id: str) -> None:
        """Forget a conversation, if it is still kept."""
        self._drop((owner, id))

    def _drop(self, key: tuple[bytes, str]) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._bytes -= len(kept.data)
        owner, id = key
        for item in kept.items:
            if self._of_item.get((owner, item)) == id:
                del self._of_item[owner, item]
