"""Cuts whole chunks of a body (RFC 9112, section 7.1) out at once."""

import re

_SIZE = re.compile(rb"([1-9A-Fa-f][0-9A-Fa-f]{0,7})\r\n")
"""A size and nothing else. What else may stand there, the end of the body among it, is left to the
patient parser."""


def whole_chunks(data: bytes) -> tuple[bytes, bytes]:
    """Return the data of the whole chunks that `data` begins with, and what follows.

    `data` must begin where a chunk does.
    """
    found = _SIZE.match(data)
    if found is None:
        return b"", data
    start = found.end()
    end = start + int(found[1], 16)
    if len(data) == end + 2 and data.endswith(b"\r\n"):
        return data[start:end], b""  # as nearly always: one event a chunk, one chunk a packet
    # Next often: several such chunks, without line ends of their own in them.
    lines = data.split(b"\r\n")
    if not lines[-1] and len(lines) % 2:
        sizes, bodies = lines[:-1:2], lines[1::2]
        if all(bodies) and list(map(bytes.lower, sizes)) == [b"%x" % len(body) for body in bodies]:
            return b"".join(bodies), b""
    pieces, rest = [], 0
    while found is not None:
        start = found.end()
        end = start + int(found[1], 16)
        if data[end : end + 2] != b"\r\n":
            break
        pieces.append(data[start:end])
        rest = end + 2
        found = _SIZE.match(data, rest)
    return b"".join(pieces), data[rest:]


def begun_chunk(data: bytes) -> bool:
    """Whether `data` begins one chunk, in which no event of a stream ends yet."""
    found = _SIZE.match(data)
    if found is None:
        return False
    start = found.end()
    return (
        len(data) < start + int(found[1], 16)
        and data.find(b"\n\n", start) < 0
        and data.find(b"\r", start) < 0
    )


def as_chunk(data: bytes) -> bytes:
    """One chunk. An empty one would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
