from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.config.editing.matching import same
from switchyard.sync.merging import ABSENT
from switchyard.sync.merging import ThreeWay
from switchyard.sync.merging import changed_keys

A, B, C = {"name": "a", "v": 1}, {"name": "b", "v": 1}, {"name": "c", "v": 1}
D = {"name": "d", "v": 1}


def merged(base: Any, mine: Any, theirs: Any) -> Any:
    merge = ThreeWay()
    value = merge.merged(base, mine, theirs)
    return [one.path for one in merge.conflicts] or value


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "wanted"),
    [
        ({"a": 1}, {"a": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1, "b": 1}, {"b": 1}, {"a": 1, "b": 2}, {"b": 2}),
        ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 3}}, {"a": {"x": 3, "y": 2}}),
        ({}, {"a": {"x": 1}}, {"a": {"y": 1}}, {"a": {"x": 1, "y": 1}}),
        ({}, {"a": 1}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {}, {}, {}),
        ({"l": [1, 2]}, {"l": [1, 2]}, {"l": [2]}, {"l": [2]}),
        ({"l": [A, B]}, {"l": [A, B | {"v": 2}]}, {"l": [A, B, C]}, {"l": [A, B | {"v": 2}, C]}),
        ({"l": [A, B]}, {"l": [B]}, {"l": [A, B | {"v": 2}]}, {"l": [B | {"v": 2}]}),
        ({"l": [A, B]}, {"l": [B, A]}, {"l": [A | {"v": 2}, B]}, {"l": [B, A | {"v": 2}]}),
        ({"l": [A, B]}, {"l": [A | {"v": 2}, B]}, {"l": [B, A]}, {"l": [B, A | {"v": 2}]}),
        ({"a": None}, {"a": 1}, {"a": None}, {"a": 1}),
    ],
)
def test_changes_of_both_sides(base: Any, mine: Any, theirs: Any, wanted: Any) -> None:
    assert merged(base, mine, theirs) == wanted


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "path"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, ("a",)),
        ({"a": 1}, {"a": True}, {"a": 2}, ("a",)),
        ({"a": 1}, {}, {"a": 2}, ("a",)),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {}, ("a",)),
        ({}, {"a": 1}, {"a": [1]}, ("a",)),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [3, 1]}, ("l",)),
        ({"l": [A, B]}, {"l": [A | {"v": 2}, B]}, {"l": [A | {"v": 3}, B]}, ("l", "a", "v")),
        ({"l": [A, B, C]}, {"l": [B, A, C]}, {"l": [A, C, B]}, ("l",)),
        ({"l": [A]}, {"l": [A, A]}, {"l": [A, B]}, ("l",)),
    ],
)
def test_what_both_changed_is_a_conflict(base: Any, mine: Any, theirs: Any, path: Any) -> None:
    assert merged(base, mine, theirs) == [path]
    merge = ThreeWay(lambda _: "theirs")
    chosen = merge.merged(base, mine, theirs)
    assert not merge.conflicts
    assert chosen == theirs or path == ("l", "a", "v")


def test_a_conflict_has_all_three_values() -> None:
    merge = ThreeWay()
    merge.merged({}, {"a": 1}, {"a": 2})
    (conflict,) = merge.conflicts
    assert conflict.base is ABSENT
    assert (conflict.mine, conflict.theirs) == (1, 2)
    assert str(ABSENT) == "(not there)"


def test_null_can_be_chosen() -> None:
    assert ThreeWay(lambda _: "theirs").merged({"a": 1}, {"a": 2}, {"a": None}) == {"a": None}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=6,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES)


@given(MAPPINGS, MAPPINGS)
def test_a_side_without_changes_takes_the_other(base: Any, changed: Any) -> None:
    assert same(merged(base, changed, base), changed)
    assert same(merged(base, base, changed), changed)
    assert same(merged(base, changed, changed), changed)


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_both_devices_find_the_same(base: Any, mine: Any, theirs: Any) -> None:
    one, other = ThreeWay(), ThreeWay()
    found, mirrored = one.merged(base, mine, theirs), other.merged(base, theirs, mine)
    assert {x.path for x in one.conflicts} == {x.path for x in other.conflicts}
    if not one.conflicts:
        assert same(found, mirrored)


def test_changed_keys() -> None:
    old = {"a": 1, "l": [A, B], "m": {"x": 1}, "p": [1]}
    new = {"b": 1, "l": [A, B | {"v": 2}, D], "m": {"x": 2}, "p": [2]}
    assert changed_keys(old, new) == [
        ("a",),
        ("l", "b", "v"),
        ("l", "d"),
        ("m", "x"),
        ("p",),
        ("b",),
    ]
    assert changed_keys(old, old) == []
