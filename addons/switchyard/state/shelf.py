"""Keeps small values by key, for memories of the router that several processes may share."""

from collections import OrderedDict
from typing import Protocol

MAX_ENTRIES = 200_000
MAX_BYTES = 64 * 1024 * 1024


class Shelf(Protocol):
    """Values by key, which may be gone at any time.

    Keys and values are bytes, so that another process can hold them.
    """

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key; None if it is not there."""
        ...

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value in place of the one before."""
        ...


class LocalShelf:
    """A shelf in this process, bounded by number and bytes; the least recently used goes first."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of all keys and values."""
        return self._bytes

    def get(self, key: bytes) -> bytes | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value; one that is larger than the whole shelf is not kept."""
        before = self._kept.pop(key, None)
        if before is not None:
            self._bytes -= len(key) + len(before)
        self._kept[key] = value
        self._bytes += len(key) + len(value)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            gone, left = self._kept.popitem(last=False)
            self._bytes -= len(gone) + len(left)
