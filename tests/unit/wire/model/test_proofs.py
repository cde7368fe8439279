"""Entries of a list put in the place of others."""

from switchyard.wire.model.proofs import nothing
from switchyard.wire.model.proofs import with_items


def test_nothing_changes() -> None:
    body = {"items": [{"a": 1}, 2]}
    assert with_items(body, "items", lambda item: [item]) is body
    assert with_items(body, "other", lambda item: []) is body
    assert with_items({"items": "text"}, "items", lambda item: []) == {"items": "text"}


def test_entries_go_and_come() -> None:
    body = {"items": [1, 2], "left": True}
    assert with_items(body, "items", lambda item: [item, item] if item == 2 else []) == {
        "items": [2, 2],
        "left": True,
    }
    assert with_items(body, "items", lambda item: []) is None
    assert body == {"items": [1, 2], "left": True}


def test_nothing_is_kept() -> None:
    assert not nothing("")
    assert not nothing("c2ln")
