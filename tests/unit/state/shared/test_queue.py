"""Who waits for slots, in which order."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.state.shared.queue import Queue
from switchyard.state.shared.queue import Waiter


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-2, 2), st.booleans())))
def test_priority_then_arrival(arrivals: list[tuple[str, int, bool]]) -> None:
    queue = Queue()
    waiting: list[tuple[Waiter, int]] = []
    for place, priority, gives_up in arrivals:
        ahead = queue.ahead(place, priority)
        waiter = queue.add(place, priority)
        assert ahead == sum(other.place == place and rank >= priority for other, rank in waiting)
        if gives_up:
            queue.remove(waiter)
            queue.remove(waiter)
        else:
            waiting.append((waiter, priority))
    for place in "ab":
        expected = sorted(
            (one for one in waiting if one[0].place == place),
            key=lambda one: (-one[1], one[0].number),
        )
        assert queue.count(place) == len(expected)
        for waiter, _ in expected:
            assert queue.first(place) == waiter
            queue.remove(waiter)
        assert queue.first(place) is None
    assert len(queue) == 0
