"""Messages between the parent and its workers: JSON after its length.

The length has 4 bytes, big-endian.
"""

import asyncio
import json
import struct
from typing import Any

import orjson

LARGEST = 16 * 1024 * 1024
"""Bytes of a message at most; a longer one means that the other side speaks something else."""

_LENGTH = struct.Struct(">I")


def pack(message: object) -> bytes:
    """Return a message as it goes over the socket; half a character becomes a question mark."""
    try:
        data = orjson.dumps(message)
    except TypeError:
        data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    return _LENGTH.pack(len(data)) + data


async def read(reader: asyncio.StreamReader) -> Any:
    """Return the next message.

    Raises IncompleteReadError at the end, OSError, and ValueError if it is none.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > LARGEST:
        raise ValueError("a message is too long")
    return orjson.loads(await reader.readexactly(length))
