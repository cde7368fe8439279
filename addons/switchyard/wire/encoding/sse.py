"""Server-sent events: read incrementally and tolerantly, written strictly.

The rules are those of the WHATWG HTML standard, section "Server-sent events" (9.2.6, parsing an
event stream): lines end with LF, CRLF or CR, a leading byte order mark is dropped, a line that
begins with a colon is a comment, several `data` lines are joined by newlines, an empty line
dispatches the event.
"""

from switchyard.values.records import record

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Bound on one event. Image answers come as one event of several megabytes (base64); past this
the stream is garbage, and buffering on would let one upstream take all memory."""

_BOM = b"\xef\xbb\xbf"


@record()
class Frame:
    """One unit of a stream: an SSE event, or a line of JSON.

    `data` is the payload, `event` the SSE event name, `raw` the bytes as received, terminator
    included, or b"" where they were mended on the way (so that a passthrough must write anew).
    """

    data: bytes
    event: bytes | None = None
    raw: bytes = b""


class StreamTooLarge(ValueError):
    """One event is larger than `MAX_EVENT_BYTES`."""


class SseDecoder:
    """Bytes in, frames out, however the bytes are cut. One per stream.

    Comments and events without data vanish. Frames whose bytes were in strict form already carry
    them as `raw`.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._started = False

    @property
    def at_rest(self) -> bool:
        """Whether the next byte begins a frame."""
        return self._started and not self._buffer

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`. Raises StreamTooLarge."""
        buffer = self._buffer
        buffer += data
        if not self._started:
            if len(buffer) < 3 and _BOM.startswith(bytes(buffer)):
                return []
            self._started = True
            if buffer.startswith(_BOM):
                del buffer[:3]
        frames: list[Frame] = []
        start = 0
        while (end := self._find_end(start)) is not None:
            cut, after = end
            if frame := _parse(bytes(buffer[start:cut]), bytes(buffer[start:after])):
                frames.append(frame)
            start = after
        del buffer[:start]
        # An end may lie across the cut: a CR, or the first of two line ends.
        self._scanned = max(0, len(buffer) - 3)
        if len(buffer) > MAX_EVENT_BYTES:
            raise StreamTooLarge(f"one event is larger than {MAX_EVENT_BYTES} bytes")
        return frames

    def close(self) -> list[Frame]:
        """The frame left over at the end of the stream.

        The standard discards an event that no empty line ended. Providers do forget the last
        one, so it counts here if its data came whole, which the reader of the payload will see.
        """
        rest = bytes(self._buffer)
        self._buffer.clear()
        frame = _parse(rest, b"")
        return [frame] if frame else []

    def _find_end(self, start: int) -> tuple[int, int] | None:
        """Where the block that begins at `start` ends, and where the next one begins."""
        buffer = self._buffer
        at = max(start, self._scanned if start == 0 else start)
        while True:
            lf = buffer.find(b"\n", at)
            cr = buffer.find(b"\r", at, lf if lf >= 0 else len(buffer))
            at = cr if cr >= 0 else lf
            if at < 0:
                return None
            first = _line_end(buffer, at)
            if first is None:
                return None
            if at == start:  # an empty line with nothing before it
                return at, first
            second = _line_end(buffer, first)
            if second is None:
                return None
            if second > first:
                return at, second
            at = first


def _line_end(buffer: bytearray, at: int) -> int | None:
    """Return the index after a line end at `at`; `at` if none; None if undecided."""
    if at >= len(buffer):
        return None
    if buffer[at] == 0x0A:
        return at + 1
    if buffer[at] != 0x0D:
        return at
    if at + 1 >= len(buffer):
        return None
    return at + 2 if buffer[at + 1] == 0x0A else at + 1


def _parse(block: bytes, raw: bytes) -> Frame | None:
    """One event of a block of lines; None if it has no data.

    A lone CR at the end of what has come so far may be half a CRLF, so blocks that end in CR are
    only complete with the byte after it; `feed` sees to that.
    """
    sound = as_utf8(block)
    if sound is not block:
        block, raw = sound, b""
    if block.find(b"\r") >= 0:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        raw = b""
    elif raw.endswith(b"\r\n") or raw.endswith(b"\r"):
        raw = b""
    data: list[bytes] = []
    event: bytes | None = None
    # Servers write an error that ends a stream as they write a body, without `data:` (the address
    # of Ollama for OpenAI's clients: `openai/middleware`, `writeError`).
    bare = False
    for line in block.split(b"\n"):
        if line.startswith(b"data: "):
            data.append(line[6:])
        elif line.startswith(b"event: "):
            event = line[7:]
        elif line.startswith(b"data:"):
            data.append(line[5:])
            raw = b""
        elif line.startswith(b"event:"):
            event = line[6:].strip()
            raw = b""
        elif line:
            raw = b""  # a comment, an id, a retry time, or garbage
            if line.startswith(b"{"):
                bare = True
                data += [line] if line.endswith(b"}") else []
    if bare and not data:
        data.append(block)  # an object on several lines
    if not data:
        return None
    if len(data) > 1:
        raw = b""
    payload = data[0] if len(data) == 1 else b"\n".join(data)
    if not payload.strip():
        return None
    if raw and not raw.startswith((b"data", b"event")):
        raw = b""
    return Frame(payload, event, raw)


def as_utf8(data: bytes) -> bytes:
    """Return `data` if it is valid UTF-8; else replace invalid bytes by U+FFFD.

    So does the standard's decoder. Clients' JSON parsers refuse the whole text for one wrong byte.
    """
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def encode(data: bytes, event: str | None = None) -> bytes:
    """One SSE event. `data` must be one line, which compact JSON is.

    An event whose name would be no line of text goes without it.
    """
    if event is None or not event.isprintable():
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
