"""One newcomer a turn, and more where others ask: how the number is found."""

from switchyard.engine.accepting import MOST
from switchyard.engine.accepting import AcceptedAtOnce


def after(requests: int, at_once: AcceptedAtOnce) -> int:
    """How many connections asyncio accepts in a turn in which so many requests came."""
    for _ in range(requests):
        at_once.note_request()
    return len(range(at_once))  # type: ignore[call-overload]


def test_one_for_every_two_requests_of_a_turn() -> None:
    at_once = AcceptedAtOnce()
    after(0, at_once)
    numbers = [after(requests, at_once) for requests in (0, 1, 2, 5, 8, 1000)]
    assert numbers == [1, 1, 1, 2, 4, MOST]


def test_as_many_with_a_release_of_python_that_asks_for_one_more() -> None:
    at_once = AcceptedAtOnce()
    _ = at_once + 1
    for _ in range(6):
        at_once.note_request()
    assert at_once + 1 == 3


def test_requests_of_long_ago_do_not_count() -> None:
    assert after(100, AcceptedAtOnce()) == 1
