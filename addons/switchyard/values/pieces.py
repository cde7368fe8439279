"""Collects bytes that arrive in pieces of any size."""

from typing import Self

_PIECE = 1024
"""Bytes up to which a piece is joined with others, to save the memory of objects."""
_JOINED = 65536


class Pieces:
    """Bytes to which more are added, and that are copied once: when they are wanted as one.

    Has the methods of mitmproxy's `ReceiveBuffer`, whose place it takes.
    """

    __slots__ = ("_pieces", "_size")

    def __init__(self) -> None:
        self._pieces: list[bytes | bytearray] = []
        self._size = 0

    def __iadd__(self, more: bytes) -> Self:
        pieces, self._size = self._pieces, self._size + len(more)
        if not pieces or len(more) >= _PIECE:
            pieces.append(more)
        elif type(last := pieces[-1]) is bytearray and len(last) < _JOINED:
            last += more
        else:
            pieces.append(bytearray(more))
        return self

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def clear(self) -> None:
        self._pieces.clear()
        self._size = 0
