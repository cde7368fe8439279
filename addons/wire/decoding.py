"""Content encodings, undone piece by piece (RFC 9110, section 8.4.1).

Upstreams are asked for `identity`, but some compress whatever they are asked for.
"""

import zlib
from collections.abc import Callable
from typing import Any

import brotli
import zstandard

MAX_DECODED = 256 * 1024 * 1024
"""Bytes that a compressed request may unpack to."""

_PIECE = 16 * 1024
"""Bytes decoded at once: at the worst ratios some ten megabytes come of it."""

type Decode = Callable[[bytes], bytes]


class UnknownEncoding(ValueError):
    """The body is encoded in a way nobody here can undo."""


class CorruptEncoding(ValueError):
    """The body is not what its content-encoding says."""


def decoder(encoding: str) -> Decode:
    """A function that undoes `encoding` (the header's value) piece by piece. One per body.

    Raises UnknownEncoding now, and CorruptEncoding from the function.
    """
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    steps = [_step(name) for name in reversed(names) if name != "identity"]

    def decode(data: bytes) -> bytes:
        for step in steps:
            try:
                data = step(data)
            except (zlib.error, brotli.error, zstandard.ZstdError) as e:
                raise CorruptEncoding(f"the body is not valid {encoding}") from e
        return data

    return decode


def decode_whole(data: bytes, encoding: str, most: int = MAX_DECODED) -> bytes:
    """A whole body without its encoding. Raises UnknownEncoding, or CorruptEncoding where it is
    not valid or unpacks to more than `most` bytes: a few kilobytes can hold gigabytes."""
    decode = decoder(encoding)
    out = bytearray()
    for start in range(0, len(data), _PIECE):
        out += decode(data[start : start + _PIECE])
        if len(out) > most:
            raise CorruptEncoding(f"the body unpacks to more than {most} bytes")
    return bytes(out)


def _step(name: str) -> Decode:
    match name:
        case "gzip" | "x-gzip":
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
        case "deflate":
            return _Deflate().decompress
        case "br":
            return brotli.Decompressor().process
        case "zstd":
            zstd: Any = zstandard.ZstdDecompressor(max_window_size=2**27)
            return zstd.decompressobj(read_across_frames=True).decompress
    raise UnknownEncoding(f"content-encoding {name!r} is not supported")


class _Deflate:
    """`deflate` means zlib's wrapping, but some servers send the raw stream (RFC 9110 notes it)."""

    def __init__(self) -> None:
        self._inner: Any = None

    def decompress(self, data: bytes) -> bytes:
        if self._inner is None:
            if not data:
                return b""
            wrapped = data[0] & 0x0F == 8
            self._inner = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return self._inner.decompress(data)
