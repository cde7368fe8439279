"""Decodes content encodings piece by piece (RFC 9110, section 8.4.1).

The router asks upstreams for `identity`, but some compress anyway.
"""

import zlib
from collections.abc import Callable
from typing import Any

import brotli
import zstandard

MAX_DECODED = 256 * 1024 * 1024
"""Bytes that a compressed request may unpack to."""

MAX_OF_A_PIECE = 64 * 1024 * 1024
"""Bytes that one piece of a body may unpack to: a hundred bytes of brotli can hold gigabytes."""

_MOST_STEPS = 4
"""Encodings that a body may have one within the other."""

_PIECE = 16 * 1024
"""Bytes decoded at once."""

_ZSTD_PIECE = 1024
"""Bytes given to zstd at once, which knows no limit: four bytes can be a block of 128 KiB."""

type Decode = Callable[[bytes], bytes]


class UnknownEncoding(ValueError):
    """No decoder is known for the body's encoding."""


class CorruptEncoding(ValueError):
    """The body does not match its content-encoding."""


class TooLarge(CorruptEncoding):
    """The body unpacks to more than it may."""


_NO_CODING = frozenset({"identity", "none", "utf-8", "utf8"})
"""Names of no coding (RFC 9110, section 8.4.1: `identity`), and what some servers send for it."""


def decoder(encoding: str) -> Decode:
    """Return a function that decodes `encoding` (the header's value) piece by piece.

    One per body. Raises UnknownEncoding now, and CorruptEncoding from the function, also where a
    piece unpacks to more than `MAX_OF_A_PIECE` bytes.
    """
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if len(names) > _MOST_STEPS:
        raise UnknownEncoding(f"more than {_MOST_STEPS} content-encodings are not supported")
    steps = [_step(name) for name in reversed(names) if name not in _NO_CODING]

    def decode(data: bytes) -> bytes:
        for step in steps:
            try:
                data = step(data)
            except (zlib.error, brotli.error, zstandard.ZstdError) as e:
                raise CorruptEncoding(f"the body is not valid {encoding}") from e
        return data

    return decode


def decode_whole(data: bytes, encoding: str, most: int = MAX_DECODED) -> bytes:
    """Decode a whole body.

    Raises UnknownEncoding, CorruptEncoding where it is not valid, and TooLarge where it unpacks to
    more than `most` bytes: a few kilobytes can contain gigabytes.
    """
    decode = decoder(encoding)
    out = bytearray()
    for start in range(0, len(data), _PIECE):
        out += decode(data[start : start + _PIECE])
        if len(out) > most:
            raise TooLarge(f"the body unpacks to more than {most} bytes")
    return bytes(out)


def _step(name: str) -> Decode:
    match name:
        case "gzip" | "x-gzip":
            return _Gzip().decompress
        case "deflate":
            return _Deflate().decompress
        case "br":
            return _Brotli().decompress
        case "zstd":
            return _Zstd().decompress
    raise UnknownEncoding(f"content-encoding {name!r} is not supported")


def _too_much() -> CorruptEncoding:
    return TooLarge(f"a piece of the body unpacks to more than {MAX_OF_A_PIECE} bytes")


def _bounded(inner: Any, data: bytes) -> bytes:
    out = inner.decompress(data, MAX_OF_A_PIECE)
    if inner.unconsumed_tail:
        raise _too_much()
    return out


class _Gzip:
    """May have several members one after another (RFC 1952, section 2.2).

    What else follows the first is padding.
    """

    _MAGIC = b"\x1f\x8b"

    def __init__(self) -> None:
        self._inner: Any = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._held = b""

    def decompress(self, data: bytes) -> bytes:
        if not self._inner.eof:
            out = _bounded(self._inner, data)
            if not self._inner.eof:
                return out
            data = self._inner.unused_data
        else:
            out, data = b"", self._held + data
        while data.startswith(self._MAGIC):
            self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)
            out += _bounded(self._inner, data)
            if not self._inner.eof:
                return out
            if len(out) > MAX_OF_A_PIECE:
                raise _too_much()
            data = self._inner.unused_data
        self._held = data if self._MAGIC.startswith(data) else b"-"
        return out


class _Deflate:
    """`deflate` is zlib's format, but some servers send the raw stream (see RFC 9110)."""

    def __init__(self) -> None:
        self._inner: Any = None

    def decompress(self, data: bytes) -> bytes:
        if self._inner is None:
            if not data:
                return b""
            wrapped = data[0] & 0x0F == 8
            self._inner = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return _bounded(self._inner, data)


class _Brotli:
    def __init__(self) -> None:
        self._inner: Any = brotli.Decompressor()

    def decompress(self, data: bytes) -> bytes:
        out = self._inner.process(data, output_buffer_limit=MAX_OF_A_PIECE)
        if not self._inner.can_accept_more_data() or len(out) > MAX_OF_A_PIECE:
            raise _too_much()
        return out


class _Zstd:
    def __init__(self) -> None:
        zstd: Any = zstandard.ZstdDecompressor(max_window_size=2**27)
        self._inner = zstd.decompressobj(read_across_frames=True)

    def decompress(self, data: bytes) -> bytes:
        out = bytearray()
        for start in range(0, len(data), _ZSTD_PIECE):
            out += self._inner.decompress(data[start : start + _ZSTD_PIECE])
            if len(out) > MAX_OF_A_PIECE:
                raise _too_much()
        return bytes(out)
