"""Chooses the decoder that cuts a stream's bytes into frames."""

from typing import Protocol

from switchyard.wire.encoding.json_array import JsonArrayDecoder
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.format import Format


class FrameDecoder(Protocol):
    """Turns bytes, however they are split, into frames. One per stream."""

    def feed(self, data: bytes) -> list[Frame]:
        """Returns the frames that `data` completes. Raises StreamTooLarge."""
        ...

    def close(self) -> list[Frame]:
        """Returns the frames left over at the end."""
        ...


def is_array(format: Format, head: bytes) -> bool:
    """Whether a response that begins with `head` is a stream framed as one JSON array.

    Gemini frames its streams so unless the request has `alt=sse`.
    """
    return format.array_streams and head.startswith(b"[")


def is_document(format: Format, head: bytes, content_type: str) -> bool:
    """Whether a response that begins with `head` is one document and no stream.

    `head` has no leading white space.
    """
    if format.framing == "ndjson" and "ndjson" in content_type:
        return False
    return head[:1] in b'{[<"' and not is_array(format, head)


def frame_decoder(format: Format, head: bytes = b"") -> FrameDecoder:
    """Returns a decoder for streams of `format` that begin with `head`."""
    if is_array(format, head):
        return JsonArrayDecoder()
    if format.framing == "ndjson":
        from switchyard.wire.encoding.ndjson import NdjsonDecoder

        return NdjsonDecoder()
    return SseDecoder()
