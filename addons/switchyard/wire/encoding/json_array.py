"""Reads a stream as one JSON array, which Gemini's API sends without `alt=sse`."""

from switchyard.wire.encoding.sse import MAX_EVENT_BYTES
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import StreamTooLarge

_QUOTE = 0x22
_BACKSLASH = 0x5C
_OPENING = b"{["
_CLOSING = b"}]"
_WHITE = b" \t\r\n"


class JsonArrayDecoder:
    """Takes bytes, however cut; yields the elements of one JSON array as frames.

    One per stream. Scans each byte once: strings are separated from structure, nothing is parsed.
    An element outside an array counts too, so that a lone error object is found.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0
        self._start: int | None = None
        self._in_string = False

    def feed(self, data: bytes) -> list[Frame]:
        """The elements completed by `data`. Raises StreamTooLarge."""
        self._buffer += data
        frames = self._scan()
        done = len(self._buffer) if self._start is None else self._start
        if done:
            del self._buffer[:done]
            self._scanned -= done
            self._start = None if self._start is None else 0
        if len(self._buffer) > MAX_EVENT_BYTES:
            raise StreamTooLarge(f"one element is larger than {MAX_EVENT_BYTES} bytes")
        return frames

    def close(self) -> list[Frame]:
        """Nothing: an element without its end is no JSON."""
        self._buffer.clear()
        self._scanned, self._start = 0, None
        return []

    def _scan(self) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        at = self._scanned
        while at < len(buffer):
            if self._in_string:
                at = self._skip_string(at)
                if self._in_string:
                    break
                continue
            byte = buffer[at]
            at += 1
            if byte == _QUOTE:
                self._in_string = True
            elif byte in _OPENING:
                # The array itself is at depth 0; its elements begin at depth 1.
                if byte == 0x7B and self._start is None:
                    self._start, self._depth = at - 1, 0
                if self._start is not None:
                    self._depth += 1
            elif byte in _CLOSING and self._start is not None:
                self._depth -= 1
                if self._depth == 0:
                    frames.append(Frame(bytes(buffer[self._start : at])))
                    self._start = None
        self._scanned = at
        return frames

    def _skip_string(self, at: int) -> int:
        """Continue behind the string's end, or at the end of what is decided.

        That is the end of the data, or a backslash whose character is still missing.
        """
        buffer = self._buffer
        while True:
            quote = buffer.find(b'"', at)
            slash = buffer.find(b"\\", at, quote if quote >= 0 else len(buffer))
            if slash >= 0:
                if slash + 1 >= len(buffer):
                    return slash
                at = slash + 2
                continue
            if quote < 0:
                return len(buffer)
            self._in_string = False
            return quote + 1
