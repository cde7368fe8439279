"""Reads and writes Redis' protocol ("RESP protocol specification", redis.io), version 2. Pure."""

from collections.abc import Iterator
from typing import Any

_END = b"\r\n"


class RespError(Exception):
    """An error that the server answered; `code` is its first word, such as READONLY."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        word = text.partition(" ")[0]
        self.code = word if word.isupper() and word.isalpha() else ""


class _Unfinished(Exception):
    """The rest of a value is still to come."""


def pack_words(*words: bytes) -> bytes:
    """Return the strings of a command, or of a part of it, without the count before them."""
    return b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class RespReader:
    """Collects the bytes of a connection, and yields the answers that are whole."""

    def __init__(self) -> None:
        self._bytes = b""

    def feed(self, data: bytes) -> Iterator[Any]:
        """Yield answers: text, numbers, None, lists of these, or a RespError.

        Raises ValueError for bytes that are none.
        """
        data = self._bytes + data if self._bytes else data
        at = 0
        try:
            while at < len(data):
                value, after = _value(data, at)
                at = after
                yield value
        except _Unfinished:
            pass
        finally:
            self._bytes = data[at:]


def _value(data: bytes, at: int) -> tuple[Any, int]:
    end = data.find(_END, at)
    if end < 0:
        raise _Unfinished
    kind, line, after = data[at : at + 1], data[at + 1 : end], end + 2
    match kind:
        case b"$":
            size = int(line)
            if size < 0:
                return None, after
            if len(data) < after + size + 2:
                raise _Unfinished
            return data[after : after + size].decode("utf-8", "replace"), after + size + 2
        case b":":
            return int(line), after
        case b"*":
            items: list[Any] = []
            for _ in range(int(line)):
                item, after = _value(data, after)
                items.append(item)
            return items, after
        case b"+":
            return line.decode("utf-8", "replace"), after
        case b"-":
            return RespError(line.decode("utf-8", "replace")), after
    raise ValueError("not an answer of Redis")
