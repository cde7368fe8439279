"""How the bytes of a stream are cut into frames."""

from typing import Protocol

from addons.wire.format import Format
from addons.wire.sse import Frame
from addons.wire.sse import SseDecoder


class FrameDecoder(Protocol):
    """Bytes in, frames out, however the bytes are cut. One per stream."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by `data`. Raises StreamTooLarge."""
        ...

    def close(self) -> list[Frame]:
        """The frames left over at the end."""
        ...


def frame_decoder(format: Format) -> FrameDecoder:
    """A decoder for streams of `format`."""
    if format.framing == "ndjson":
        from addons.wire.ndjson import NdjsonDecoder

        return NdjsonDecoder()
    return SseDecoder()
