"""Each member of a foreign configuration is taken, left out or reported as unknown."""

from switchyard.importers.members import UNKNOWN
from switchyard.importers.members import ImportReport
from switchyard.importers.members import ReportLine
from switchyard.importers.members import SourceMembers
from switchyard.importers.members import collapsed
from switchyard.importers.members import values_of


def members(data: dict[str, object]) -> tuple[SourceMembers, ImportReport]:
    report = ImportReport()
    return SourceMembers(data, report), report


def lines(report: ImportReport) -> list[str]:
    return [str(line) for line in report.left_out]


def test_values_by_kind() -> None:
    root, report = members(
        {"text": " x ", "count": "7", "half": 0.5, "on": 1, "one": "a", "many": ["a", " b "]}
    )
    assert root.text("text") == "x"
    assert root.text("half") == "0.5"
    assert root.whole("count") == 7
    assert root.number("half") == 0.5
    assert root.flag("on") is True
    assert root.texts("one") == ["a"]
    assert root.texts("many") == ["a", "b"]
    assert root.text("absent", "usual") == "usual"
    assert root.flag("absent") is False
    assert root.whole("absent") is None
    root.finish()
    assert lines(report) == []


def test_wrong_kinds_are_reported() -> None:
    root, report = members(
        {
            "text": [1],
            "count": "many",
            "half": 1.5,
            "on": "yes",
            "many": ["a", 3],
            "object": "x",
            "objects": [{"a": 1}, 4],
            "endless": float("inf"),
        }
    )
    assert root.text("text") == ""
    assert root.number("count") is None
    assert root.whole("half") is None
    assert root.flag("on", usual=True) is True
    assert root.texts("many") == ["a"]
    assert root.record("object").names() == []
    assert [one.whole("a") for one in root.records("objects")] == [1]
    assert root.number("endless") is None
    root.finish()
    assert lines(report) == [
        "text: is no text",
        "count: is no number",
        "half: is no whole number",
        "on: is neither true nor false",
        "many[1]: is no text",
        "object: is no mapping",
        "objects[1]: is no mapping",
        "endless: is no number",
    ]


def test_what_says_nothing_is_not_reported_where_it_is_known() -> None:
    root, report = members({"a": None, "b": False, "c": [], "d": {}, "e": ""})
    root.leave("has no counterpart", "a", "b", "c", "d", "e", "f")
    root.finish()
    assert lines(report) == []


def test_unknown_members_are_reported_at_any_depth() -> None:
    root, report = members({"a": {"b": [{"c": 1, "new": None}]}, "list": 1})
    for inner in root.record("a").records("b"):
        inner.take("c")
    root.finish()
    assert lines(report) == [f"list: {UNKNOWN}", f"a.b[0].new: {UNKNOWN}"]


def test_one_line_for_an_object_as_a_whole() -> None:
    root, report = members({"a": {"b": 1, "c": 2}})
    root.record("a").leave_all("is disabled")
    root.finish()
    assert lines(report) == ["a: is disabled"]


def test_what_was_taken_is_left_out_only_by_drop() -> None:
    root, report = members({"a": 1, "b": 2})
    root.whole("a")
    root.leave("has no counterpart", "a", "b")
    root.drop("is too much", "a")
    assert lines(report) == ["b: has no counterpart", "a: is too much"]


def test_lines_that_differ_by_position_are_one() -> None:
    found = [ReportLine(f"a[{n}].b", "x") for n in range(3)] + [ReportLine("a[0].b", "y")]
    assert collapsed(found) == ["a[*].b: x (3 times)", "a[0].b: y"]


def test_long_names_are_cut() -> None:
    root, report = members({"n" * 500: 1})
    root.finish()
    assert len(report.left_out[0].path) < 100


def test_texts_of_a_mapping() -> None:
    root, report = members({"headers": {"A": "1", "B": "", "C": [1]}})
    assert dict(values_of(root.record("headers"))) == {"A": "1"}
    root.finish()
    assert lines(report) == ["headers.C: is no text"]
