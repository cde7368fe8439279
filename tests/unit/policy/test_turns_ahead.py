"""Turns of shared rotations that come with admissions."""

from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.turns_ahead import TurnsAhead


def test_a_request_is_expected_to_need_what_the_one_before_needed() -> None:
    ahead = TurnsAhead()
    assert ahead.expected("ann", "m") == ()
    ahead.note("ann", "m", ["combo", "p"])
    assert ahead.expected("ann", "m") == ("combo", "p")
    assert ahead.expected("bob", "m") == ahead.expected("ann", "n") == ()
    ahead.note("ann", "m", [])
    assert ahead.expected("ann", "m") == ()


def test_what_is_kept_and_what_is_known_are_bounded() -> None:
    ahead = TurnsAhead()
    for number in range(6000):
        ahead.note("ann", str(number), ["p"])
    assert ahead.expected("ann", "0") == () and ahead.expected("ann", "5999") == ("p",)
    asked = 0
    while pools := ahead.expected("ann", "5999"):
        ahead.put({pools[0]: asked})
        asked += 1
    assert asked == 64 and ahead.take("p") == 0


@given(st.lists(st.tuples(st.sampled_from(["warm", "new", "left"]), st.sampled_from("ab"))))
def test_each_turn_is_used_once_and_in_its_order(requests: list[tuple[str, str]]) -> None:
    """Whatever requests turn out to need, and although some end before their choice."""
    ahead, count, used = TurnsAhead(), iter(range(10_000)), list[int]()
    for kind, model in requests:
        ahead.put({pool: next(count) for pool in ahead.expected("ann", model)})
        if kind == "left":
            continue
        if kind == "new":
            number = ahead.take("p")
            used.append(next(count) if number is None else number)
        ahead.note("ann", model, ["p"] if kind == "new" else [])
    kept = list(iter(lambda: ahead.take("p"), None))
    assert used == sorted(used)
    assert sorted(used + kept) == list(range(next(count)))
