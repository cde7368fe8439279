"""Keeps the last bytes of a stream."""

KEPT = 4 * 1024 * 1024
"""Bytes of a streamed body that are kept."""


class Tape:
    """The first bytes of a body that passes by."""

    __slots__ = ("_kept", "_most", "size")

    def __init__(self, most: int = KEPT) -> None:
        self._kept = bytearray()
        self._most = most
        self.size = 0
        """Bytes that passed by."""

    def add(self, data: bytes) -> None:
        room = self._most - self.size
        self.size += len(data)
        if room > 0:
            self._kept += data[:room]

    @property
    def note(self) -> str:
        """What is not kept, in words; empty where all is."""
        if self.size <= self._most:
            return ""
        return f"the first {self._most:,} of {self.size:,} bytes are kept"

    @property
    def kept(self) -> bytes:
        return bytes(self._kept)
