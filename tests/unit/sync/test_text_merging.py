from hypothesis import given
from hypothesis import strategies as st

from switchyard.sync.text_merging import merged_lines
from switchyard.sync.text_merging import merged_text

BASE = "# head\na: 1  # one\nb: 2\n\n# of c\nc: {x: 1}\n"
LINES = st.lists(st.sampled_from("abcd"), max_size=8)


def test_comments_and_forms_of_both_stay() -> None:
    mine = BASE.replace("# head", "# our head").replace("b: 2", "b: 'two'")
    theirs = BASE.replace("c: {x: 1}", "c: {x: 1, y: 2}  # more").replace("# of c", "# of C")
    text = merged_text(BASE, mine, theirs, {"a": 1, "b": "two", "c": {"x": 1, "y": 2}})
    assert text == ("# our head\na: 1  # one\nb: 'two'\n\n# of C\nc: {x: 1, y: 2}  # more\n")


def test_values_that_stand_in_one_line() -> None:
    mine, theirs = "# m\nc: {x: 2, y: 1}\n", "# t\nc: {x: 1, y: 3}\n"
    text = merged_text("c: {x: 1, y: 1}\n", mine, theirs, {"c": {"x": 2, "y": 3}})
    assert text == "# m\nc: {x: 2, y: 3}\n"


def test_lines_of_both_that_are_no_yaml_together() -> None:
    base = "a:\n  x: 1\nb: 1\n"
    mine = "a:\n    x: 1\n    y: 2\nb: 1\n"
    theirs = "a:\n  x: 1\n  z: 3\nb: 2\n"
    text = merged_text(base, mine, theirs, {"a": {"x": 1, "y": 2, "z": 3}, "b": 2})
    assert text == "a:\n    x: 1\n    y: 2\n    z: 3\nb: 2\n"


@given(LINES, LINES)
def test_one_side_alone(base: list[str], changed: list[str]) -> None:
    assert merged_lines(base, changed, base) == changed
    assert merged_lines(base, base, changed) == changed
    assert merged_lines(base, changed, changed) == changed


@given(LINES, LINES, LINES)
def test_lines_of_mine_that_are_new_stay(
    base: list[str], mine: list[str], theirs: list[str]
) -> None:
    marked = [*mine, "new"]
    assert "new" in merged_lines(base, marked, theirs)
