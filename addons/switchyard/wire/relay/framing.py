"""How the bytes of a stream are cut into frames."""

from typing import Protocol

from switchyard.wire.encoding.json_array import JsonArrayDecoder
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.format import Format


class FrameDecoder(Protocol):
    """Bytes in, frames out, however the bytes are cut. One per stream."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`. Raises StreamTooLarge."""
        ...

    def close(self) -> list[Frame]:
        """The frames left over at the end."""
        ...


def is_array(format: Format, head: bytes) -> bool:
    """Whether an answer that begins with `head` is a stream framed as one JSON array, as Gemini
    sends it unless asked for events."""
    return format.array_streams and head.startswith(b"[")


def is_document(format: Format, head: bytes, content_type: str) -> bool:
    """Whether an answer that begins with `head` (no white space) is one document, and no stream."""
    if format.framing == "ndjson" and "ndjson" in content_type:
        return False
    return head[:1] in b'{[<"' and not is_array(format, head)


def frame_decoder(format: Format, head: bytes = b"") -> FrameDecoder:
    """A decoder for streams of `format`; `head` is what the stream begins with."""
    if is_array(format, head):
        return JsonArrayDecoder()
    if format.framing == "ndjson":
        from switchyard.wire.encoding.ndjson import NdjsonDecoder

        return NdjsonDecoder()
    return SseDecoder()
