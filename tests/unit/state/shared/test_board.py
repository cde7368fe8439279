"""Notices arrive in any order, singly and as lists, and end up the same."""

from itertools import permutations

from switchyard.state.shared.board import Board
from switchyard.state.shared.board import Numbered

NOW = 1000.0
POSTS: list[Numbered] = [
    [1, "cooldown", "a", "one", 5000],
    [2, "cooldown", "b", "two", 5000],
    [3, "cooldown", "a", "", 0],
    [4, "cooldown", "b", "four", 9000],
]


def texts(board: Board, now: float = NOW) -> dict[str, str]:
    return {item: one.text for item, one in board.valid("cooldown", now).items()}


def test_the_highest_number_counts() -> None:
    for order in permutations(POSTS):
        board = Board()
        for notice in order:
            board.hear(notice, NOW)
        assert texts(board) == {"b": "four"} and board.last == 4


def test_a_list_may_come_before_or_after_what_it_does_not_know_of() -> None:
    snapshot: list[Numbered] = [POSTS[0], POSTS[1]]
    for at in range(len(POSTS) + 1):
        board = Board()
        for notice in POSTS[:at]:
            board.hear(notice, NOW)
        board.take_all(2, snapshot, NOW)
        for notice in POSTS[at:]:
            board.hear(notice, NOW)
        assert texts(board) == {"b": "four"}


def test_what_a_list_lacks_is_withdrawn() -> None:
    board = Board()
    board.hear(POSTS[0], NOW)
    board.take_all(3, [], NOW)
    assert texts(board) == {}


def test_notices_end_by_themselves() -> None:
    board = Board()
    board.hear(POSTS[0], NOW)
    assert texts(board, NOW + 4.9) == {"a": "one"}
    assert texts(board, NOW + 5) == {}
    assert board.all(NOW + 5) == []
