"""Edits of a keys file leave all that they are not about as it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from switchyard.clients.key_entries import with_change
from switchyard.clients.key_entries import with_entry
from switchyard.clients.key_entries import without_entry

FILE = """\
# The team's keys.

api-keys:
  # Design
  - id: ann # since spring
    name: 'Ann'
    limits:
      requests: 60/m # enough

  # Interns; ask Ben
  - id: ben
    note: |
      # no comment

      of many lines
# The end.
"""


def read(text: str) -> Any:
    return YAML(typ="safe").load(text)["api-keys"]


def block(entry: Any) -> None:
    entry["blocked"] = True


def test_a_change_touches_the_lines_of_its_entry_alone() -> None:
    changed = with_change(FILE, 0, block)
    assert changed == FILE.replace(
        "requests: 60/m # enough\n", "requests: 60/m # enough\n    blocked: true\n"
    )
    assert read(with_change(FILE, 1, block))[1]["note"] == "# no comment\n\nof many lines\n"


def test_a_removal_keeps_what_stands_around() -> None:
    left = without_entry(FILE, 0)
    assert [one["id"] for one in read(left)] == ["ben"]
    for comment in ("# The team's keys.", "# Design", "# Interns; ask Ben", "# The end."):
        assert comment in left
    none = without_entry(left, 0)
    assert read(none) == [] and "# Design" in none and "# The end." in none
    assert read(with_entry(none, CommentedMap({"id": "new"}))) == [{"id": "new"}]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "api-keys: []\n", "api-keys:\n"])
def test_a_first_entry(text: str) -> None:
    written = with_entry(text, CommentedMap({"id": "ann"}))
    assert read(written) == [{"id": "ann"}]
    assert "#" not in text or text in written


def test_entries_on_one_line_and_anchors() -> None:
    flow = "api-keys: [{id: a, name: x}, {id: b}] # both\n"
    assert read(with_change(flow, 1, block)) == [
        {"id": "a", "name": "x"},
        {"id": "b", "blocked": True},
    ]
    assert read(without_entry(flow, 0)) == [{"id": "b"}]
    shared = "api-keys:\n  - &a {id: a, models: [m]}\n  # second\n  - <<: *a\n    id: b\n"
    changed = with_change(shared, 1, block)
    assert read(changed)[1] == {"id": "b", "models": ["m"], "blocked": True}
    assert "# second" in changed
    assert read(without_entry(shared, 1)) == [{"id": "a", "models": ["m"]}]


NAMES = st.text("abc #:-'\"\n", max_size=8)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"id": st.text("abc", min_size=1, max_size=4)},
        optional={"note": NAMES, "models": st.lists(NAMES, max_size=2), "priority": st.integers()},
    ),
    max_size=4,
)


@given(ENTRIES, st.data())
def test_entries_come_back_as_they_were_put_in(entries: list[dict[str, Any]], data: Any) -> None:
    text = ""
    for entry in entries:
        text = with_entry(text, CommentedMap(entry))
    if not entries:
        return
    assert read(text) == entries
    index = data.draw(st.integers(0, len(entries) - 1))
    changed = read(with_change(text, index, block))
    assert changed == [
        {**one, "blocked": True} if at == index else one for at, one in enumerate(entries)
    ]
    assert read(without_entry(text, index)) == [
        one for at, one in enumerate(entries) if at != index
    ]
