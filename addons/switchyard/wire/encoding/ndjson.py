"""Reads and writes newline-delimited JSON, as Ollama sends it."""

from switchyard.wire.encoding.sse import MAX_EVENT_BYTES
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import StreamTooLarge


class NdjsonDecoder:
    """Bytes in, lines out as frames, however the bytes are cut. One per stream.

    Empty lines vanish. A frame's `raw` is the line as it came, if it ended in a plain newline.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The lines completed by `data`. Raises StreamTooLarge."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        while (end := buffer.find(b"\n", max(start, self._scanned))) >= 0:
            frames += _frame(bytes(buffer[start : end + 1]))
            start = end + 1
        del buffer[:start]
        self._scanned = len(buffer)
        if len(buffer) > MAX_EVENT_BYTES:
            raise StreamTooLarge(f"one line is larger than {MAX_EVENT_BYTES} bytes")
        return frames

    def close(self) -> list[Frame]:
        """The last line, if no newline ended it."""
        line = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = 0
        return _frame(line)


def _frame(line: bytes) -> list[Frame]:
    data = line.strip().removeprefix(b"\xef\xbb\xbf")
    if not data:
        return []
    return [Frame(data, raw=line if line == data + b"\n" else b"")]
