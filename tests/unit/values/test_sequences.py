"""Sequences of the same objects."""

from switchyard.values.sequences import are_same


def test_the_same_objects_in_any_kind_of_sequence() -> None:
    one, other = {"a": 1}, [2]
    assert are_same([one, other], (one, other))
    assert are_same([], ())


def test_equal_objects_are_not_the_same() -> None:
    assert not are_same([{"a": 1}], [{"a": 1}])


def test_order_and_number_count() -> None:
    one, other = {"a": 1}, {"b": 2}
    assert not are_same([one, other], [other, one])
    assert not are_same([one], [one, other])
    assert not are_same([one, other], [one])
