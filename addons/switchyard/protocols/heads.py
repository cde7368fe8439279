"""Limits how much of a request's head is read.

RFC 9112, sections 2 and 3; RFC 6585, section 5.
"""

from dataclasses import dataclass

from switchyard.config.limits import Limits


@dataclass(frozen=True, slots=True)
class TooMuch:
    """Why a request is refused."""

    status: int
    message: str


class HeadMeter:
    """Looks at a head as it comes, at each byte once."""

    __slots__ = ("_lines", "_seen")

    def __init__(self) -> None:
        self._seen = self._lines = 0

    def look(self, data: bytearray, limits: Limits) -> TooMuch | bool:
        """Return what is wrong with the head in `data`, or whether it is whole.

        `data` is what came so far, and begins with the same bytes until the head is whole.
        """
        if data[:1] < b" " and data.startswith((b"\n", b"\r\n")):
            end = data.index(b"\n") + 1  # an empty line before a request
        else:
            end = _end_of(data, max(0, self._seen - 2))
        size = end or len(data)
        begin = max(0, self._seen - 1)
        self._lines += data.count(b"\n", self._seen, size)
        wrong, headers = None, self._lines - (2 if end else 1)
        if size > limits.request_line or size > limits.head or headers > limits.headers:
            wrong = _too_large(data, size, headers, limits)
        if wrong is None and (
            data.find(b"\n ", begin, size) >= 0 or data.find(b"\n\t", begin, size) >= 0
        ):
            # RFC 9112, section 5.2: rejected, or replaced by spaces.
            wrong = TooMuch(400, "A header of the request spans several lines (obs-fold).")
        self._seen, self._lines = (0, 0) if end else (size, self._lines)
        return wrong or bool(end)


def _end_of(data: bytearray, start: int) -> int:
    """Where the first empty line ends; 0 where none has come."""
    usual = data.find(b"\n\r\n", start) + 3
    odd = data.find(b"\n\n", start, usual if usual > 2 else len(data)) + 2
    if odd > 1:
        return odd
    return usual if usual > 2 else 0


def _too_large(data: bytearray, size: int, headers: int, limits: Limits) -> TooMuch | None:
    """`size` is of the head as far as it came, with so many headers."""
    if size > limits.request_line and data.find(b"\n", 0, limits.request_line) < 0:
        return too_long(limits)
    if size > limits.head:
        return too_large(limits)
    return too_many(limits) if headers > limits.headers else None


def too_long(limits: Limits) -> TooMuch:
    said = f"The request's first line is longer than {limits.request_line} bytes"
    return TooMuch(414, f"{said} (limits.request-line).")


def too_large(limits: Limits) -> TooMuch:
    return TooMuch(431, f"The request's head is larger than {limits.head} bytes (limits.head).")


def too_many(limits: Limits) -> TooMuch:
    said = f"The request has more than {limits.headers} headers"
    return TooMuch(431, f"{said} (limits.headers).")


def too_late(limits: Limits) -> TooMuch:
    said = f"The request's head did not come within {limits.head_time:g} s"
    return TooMuch(408, f"{said} (limits.head-time).")
