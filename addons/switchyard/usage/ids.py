"""Time-ordered ids of requests (RFC 9562, UUID version 7)."""

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUIDv7 that sorts after every earlier one of this process.

    The 12 bits after the version hold fractions of a millisecond (RFC 9562, 6.2, method 3), so ids
    of one millisecond keep their order too.
    """
    global _last
    now = time.time_ns()
    stamp = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        _last = stamp = max(stamp, _last + 1)
    high = (stamp >> 12 << 16) | 0x7000 | (stamp & 0xFFF)
    low = (0b10 << 62) | (int.from_bytes(os.urandom(8)) >> 2)
    return UUID(int=(high << 64) | low)


def time_of(id: UUID) -> float:
    """Return when an id was made, in Unix seconds."""
    return (id.int >> 80) / 1000
