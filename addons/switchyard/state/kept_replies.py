"""Keeps whole replies for requests that are repeated byte for byte."""

from collections import OrderedDict
from dataclasses import dataclass

MAX_ENTRIES = 10_000
MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeptReply:
    """A reply's body, and when it came and expires, in monotonic seconds."""

    body: bytes
    since: float
    until: float


class KeptReplies:
    """Replies by the digest of their request. Bounded; the least recently used goes first."""

    def __init__(self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[bytes, KeptReply] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: bytes, reply: KeptReply) -> None:
        """Keep a reply in place of one with the same key, unless it is larger than all room."""
        self._drop(key)
        if len(reply.body) > self._max_bytes:
            return
        self._kept[key] = reply
        self._bytes += len(reply.body)
        while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def get(self, key: bytes, now: float) -> KeptReply | None:
        """Return a reply that has not expired; None if there is none."""
        reply = self._kept.get(key)
        if reply is None:
            return None
        if reply.until <= now:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return reply

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        if (old := self._kept.pop(key, None)) is not None:
            self._bytes -= len(old.body)
