"""What arrives in pieces is kept in little more room than it takes."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from switchyard.values import pieces
from switchyard.values.pieces import Pieces

SIZES = st.sampled_from([0, 1, 3, pieces._PIECE - 1, pieces._PIECE, pieces._JOINED])


@given(st.lists(SIZES, max_size=20))
def test_all_of_it_is_there_in_its_order(sizes: list[int]) -> None:
    collected, expected = Pieces(), b""
    for number, size in enumerate(sizes):
        piece = bytes([number]) * size
        collected += piece
        expected += piece
        assert len(collected) == len(expected) and bool(collected) == bool(expected)
    assert bytes(collected) == expected
    collected.clear()
    assert bytes(collected) == b"" and not collected


def test_small_pieces_take_no_more_room_than_they_have() -> None:
    collected = Pieces()
    for _ in range(50_000):
        collected += b"xy"
    assert len(collected) == 100_000 and bytes(collected) == b"xy" * 50_000
    assert sum(map(sys.getsizeof, collected._pieces)) < 200_000


def test_one_large_piece_is_not_copied() -> None:
    collected, piece = Pieces(), bytes(pieces._PIECE)
    collected += piece
    assert bytes(collected) is piece
