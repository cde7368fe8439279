"""Time-ordered ids of requests (RFC 9562, UUID version 7)."""

import os
import threading
import time
from typing import Final
from uuid import UUID

REQUEST_ID: Final = "x-switchyard-request"
"""The header of responses that has the id of their request's record."""

_lock = threading.Lock()
_last = 0

_VARIANT = 0b10 << 62


def new_id() -> UUID:
    """Return a UUIDv7 that sorts after every earlier one of this process."""
    return UUID(hex=new_hex())


def new_hex() -> str:
    """Return the 32 hex digits of a new id.

    The 12 bits after the version hold fractions of a millisecond (RFC 9562, 6.2, method 3), so ids
    of one millisecond keep their order too.
    """
    global _last
    now = time.time_ns()
    stamp = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        _last = stamp = max(stamp, _last + 1)
    low = _VARIANT | (int.from_bytes(os.urandom(8)) >> 2)
    return f"{stamp >> 12:012x}7{stamp & 0xFFF:03x}{low:016x}"


def time_of(id: UUID) -> float:
    """Return when an id was made, in Unix seconds."""
    return (id.int >> 80) / 1000
