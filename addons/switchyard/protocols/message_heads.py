"""Reads heads of HTTP/1 messages in linear time; refuses or cleans malformed ones.

mitmproxy takes what RFC 9110 (5.5) and RFC 9112 (5.2) have a recipient reject or replace: line
breaks and NUL within values, and values over several lines, each of which costs it a copy of all
before it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from h11._receivebuffer import ReceiveBuffer
from mitmproxy.http import Headers
from mitmproxy.http import Request
from mitmproxy.http import Response
from mitmproxy.net.http import http1
from mitmproxy.net.http.http1 import read

from switchyard.protocols.header_fields import headers_of

_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that no head has, but a tab (RFC 9110, 5.5)."""
_FINE = bytes(byte for byte in range(256) if not _CONTROLS.match(bytes([byte])))
_BLANK_LINES = re.compile(rb"(?:\r?\n)+")
_VERSION = re.compile(rb"[ \t]HTTP/(\d)\.\d\r?\Z")
_SPACES = b" \t\r\n"
_CR = 0x0D
_FIELDS = re.compile(
    rb"^([^:\n \t][^:\n]*+):[ \t\r]*+((?:[^\n \t\r]++|[ \t\r]++(?=[^\n \t\r]))*+)[ \t\r]*+$",
    re.MULTILINE,
)
"""Names and values of lines that are each a header of its own. Possessive, and so linear."""


@dataclass(slots=True)
class UpstreamHeads:
    """How large the head of an upstream's answer may be."""

    most_bytes: int = 1024 * 1024
    most_headers: int = 1000


upstream_heads = UpstreamHeads()
"""Those in force."""


class HeadTooLarge(ValueError):
    """The head of a response is larger than the limit, which the text names."""


_extract_with_care = ReceiveBuffer.maybe_extract_lines
_originals = {
    (ReceiveBuffer, "maybe_extract_lines"): _extract_with_care,
    (read, "_read_headers"): read._read_headers,
    (http1, "read_request_head"): http1.read_request_head,
    (http1, "read_response_head"): http1.read_response_head,
}


def install() -> None:
    """Have mitmproxy read heads by what is here."""
    ReceiveBuffer.maybe_extract_lines = extract_lines  # type: ignore
    read._read_headers = read_headers  # type: ignore
    http1.read_request_head = read_request_head
    http1.read_response_head = read_response_head


def remove() -> None:
    """Give mitmproxy its own back."""
    for (module, name), original in _originals.items():
        setattr(module, name, original)


def extract_lines(buffer: ReceiveBuffer) -> list[bytes] | list[bytearray] | None:
    """Take the lines of a head off a buffer, without their ends; None until it is whole.

    As h11 does, which looks at each line: where all end in CRLF, one look is enough.
    """
    data = buffer._data
    end = data.find(b"\n\r\n", buffer._multiple_lines_search)
    if end > 0:
        head = bytes(data[:end])
        lines = head.split(b"\r\n")
        if data[0] != _CR and head[-1] == _CR and head.count(b"\n") == len(lines) - 1:
            lines[-1] = lines[-1][:-1]
            buffer._extract(end + 3)
            return lines
    return _extract_with_care(buffer)


def read_headers(lines: Iterable[bytes]) -> Headers:
    """Return the headers in a head's lines; folds are joined. Raises ValueError."""
    lines = list(lines)
    head = b"\n".join(lines)
    fields: list[tuple[bytes, bytes]] = _FIELDS.findall(head)
    if len(fields) == len(lines) and head.count(b"\n") < max(len(lines), 1):
        return headers_of(tuple(fields))
    fields = []
    folded: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not fields:
                raise ValueError("a head cannot begin with a folded line")
            folded.append(line.strip(_SPACES))
            continue
        if folded:
            _join(fields, folded)
        name, colon, value = line.partition(b":")
        if not name or not colon:
            raise ValueError("a line of the head is not a header")
        fields.append((name, value.strip(_SPACES)))
    if folded:
        _join(fields, folded)
    return headers_of(tuple(fields))


def _join(fields: list[tuple[bytes, bytes]], folded: list[bytes]) -> None:
    name, value = fields[-1]
    fields[-1] = name, b" ".join(part for part in (value, *folded) if part)
    folded.clear()


def read_request_head(lines: list[bytes]) -> Request:
    """The head of a request. Raises ValueError."""
    if _has_controls(lines):
        raise ValueError("the head holds a control character")
    return _originals[http1, "read_request_head"](lines)


def read_response_head(lines: list[bytes]) -> Response:
    """Return a response's head, control characters replaced. Raises ValueError."""
    if len(lines) - 1 > upstream_heads.most_headers:
        raise HeadTooLarge(
            f"the head of the response has more than {upstream_heads.most_headers} headers"
        )
    if sum(map(len, lines)) > upstream_heads.most_bytes:
        raise HeadTooLarge(too_large())
    if _has_controls(lines):
        lines = [_CONTROLS.sub(b" ", line) for line in lines]
    return _originals[http1, "read_response_head"](lines)


def _has_controls(lines: list[bytes]) -> bool:
    return bool(b"".join(lines).translate(None, _FINE))


def too_large() -> str:
    """Return the message for a response whose head is too large."""
    return f"the head of the response is larger than {upstream_heads.most_bytes} bytes"


def drop_blank_lines(buffer: ReceiveBuffer) -> None:
    """Drop the empty lines before a request's first line (RFC 9112, 2.2)."""
    data = buffer._data
    if data[:1] in (b"\r", b"\n") and (found := _BLANK_LINES.match(data)) is not None:
        buffer.maybe_extract_at_most(found.end())


def is_of_another_version(buffer: ReceiveBuffer) -> bool:
    """Whether a buffer's request line has another version than HTTP/1.

    This connection does not speak it (RFC 9110, 15.6.6).
    """
    data = buffer._data
    end = data.find(b"\n", 0, upstream_heads.most_bytes)
    if end < 0 or data.endswith(b" HTTP/1.1\r", 0, end):
        return False
    found = _VERSION.search(data, max(end - 12, 0), end)
    return found is not None and found[1] != b"1"
