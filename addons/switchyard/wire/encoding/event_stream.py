"""Reads AWS' event stream framing, `application/vnd.amazon.eventstream`.

Source: Amazon Transcribe Developer Guide, "Event stream encoding"; Smithy 2.0, "Amazon Event Stream
Specification". A message is, in big-endian numbers: its whole length and the length of its headers
(4 bytes each), the CRC-32 of these 8 bytes, the headers, the payload, and the CRC-32 of all before
it.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from switchyard.wire.encoding.content_coding import CorruptEncoding

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_AROUND = _PRELUDE.size + _CRC.size
"""Bytes of a message besides its headers and payload."""
_MOST_OF_A_MESSAGE = 24 * 1024 * 1024
_MOST_OF_HEADERS = 128 * 1024

_TRUE, _FALSE, _BYTES, _TEXT = 0, 1, 6, 7
_FIXED = {2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a value by its type: byte, short, integer, long, timestamp, UUID."""
_NUMBERS = {2, 3, 4, 5, 8}

type EventHeader = str | bytes | int | bool


class CorruptEventStream(CorruptEncoding):
    """A message's checksum or its structure is wrong."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message of the stream."""

    headers: Mapping[str, EventHeader]
    payload: bytes

    def text(self, name: str) -> str:
        """Returns a header that is text; empty if there is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventMessageDecoder:
    """Bytes in, messages out, however the bytes are cut. One per stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_within_message(self) -> bool:
        """Whether the bytes so far end within a message."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[EventMessage]:
        """Returns the messages that `data` completes. Raises CorruptEventStream."""
        buffer = self._buffer
        buffer += data
        messages: list[EventMessage] = []
        while len(buffer) >= _PRELUDE.size:
            length, of_headers = _lengths(buffer)
            if len(buffer) < length:
                break
            messages.append(_message(bytes(buffer[:length]), of_headers))
            del buffer[:length]
        return messages


def _lengths(buffer: bytearray) -> tuple[int, int]:
    """Returns the lengths of a message and of its headers, once their checksum is right."""
    length, of_headers, crc = _PRELUDE.unpack_from(buffer)
    if zlib.crc32(buffer[: _PRELUDE.size - _CRC.size]) != crc:
        raise CorruptEventStream("the checksum of a message's lengths is wrong")
    if not _AROUND + of_headers <= length <= _MOST_OF_A_MESSAGE or of_headers > _MOST_OF_HEADERS:
        raise CorruptEventStream("the lengths of a message are out of bounds")
    return length, of_headers


def _message(raw: bytes, of_headers: int) -> EventMessage:
    (crc,) = _CRC.unpack(raw[-_CRC.size :])
    if zlib.crc32(raw[: -_CRC.size]) != crc:
        raise CorruptEventStream("the checksum of a message is wrong")
    begin = _PRELUDE.size + of_headers
    return EventMessage(_headers(raw[_PRELUDE.size : begin]), raw[begin : -_CRC.size])


def _headers(raw: bytes) -> dict[str, EventHeader]:
    found: dict[str, EventHeader] = {}
    at = 0
    while at < len(raw):
        name, at = _sized(raw, at, 1)
        kind, at = _whole(raw, at, 1)[0], at + 1
        value: EventHeader
        if kind in (_TRUE, _FALSE):
            value = kind == _TRUE
        elif kind in (_BYTES, _TEXT):
            given, at = _sized(raw, at, 2)
            value = _text(given) if kind == _TEXT else given
        elif kind in _FIXED:
            given = _whole(raw, at, _FIXED[kind])
            at += len(given)
            value = int.from_bytes(given, signed=True) if kind in _NUMBERS else given
        else:
            raise CorruptEventStream(f"a header has the unknown type {kind}")
        found[_text(name)] = value
    return found


def _sized(raw: bytes, at: int, width: int) -> tuple[bytes, int]:
    """Returns a value behind its length, which has `width` bytes, and where the next one begins."""
    begin = at + width
    length = int.from_bytes(_whole(raw, at, width))
    return _whole(raw, begin, length), begin + length


def _whole(raw: bytes, at: int, length: int) -> bytes:
    value = raw[at : at + length]
    if len(value) != length:
        raise CorruptEventStream("a header is longer than all headers")
    return value


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CorruptEventStream("a header is no UTF-8 text") from None
