"""Sums over workers, those that ended included."""

import pytest

from switchyard.metrics.families import BUDGET_LEFT
from switchyard.metrics.families import COOLING
from switchyard.metrics.families import DURATION
from switchyard.metrics.families import FAMILIES
from switchyard.metrics.families import IN_FLIGHT
from switchyard.metrics.joined import JoinedBooks
from switchyard.metrics.joined import row_of
from switchyard.metrics.label_values import MOST_VALUES

HISTOGRAM = [1.0] * (len(DURATION.buckets) + 1) + [7.0]


def test_counts_add_up_and_stay() -> None:
    books = JoinedBooks()
    books.take("1", [["refused", ["k", "x"], 3], ["request_seconds", ["p", "m"], HISTOGRAM]])
    books.take("2", [["refused", ["k", "x"], 4], ["request_seconds", ["p", "m"], HISTOGRAM]])
    whole = sorted(books.rows())
    assert whole == [
        ("refused", ("k", "x"), 7),
        ("request_seconds", ("p", "m"), [2 * one for one in HISTOGRAM]),
    ]
    books.end("1")
    assert sorted(books.rows()) == whole
    books.take("3", [["refused", ["k", "x"], 1]])
    books.end("2")
    books.end("3")
    assert ("refused", ("k", "x"), 8) in books.rows()


def test_a_later_message_replaces_an_earlier_one() -> None:
    books = JoinedBooks()
    books.take("1", [["refused", ["k", "x"], 3]])
    books.take("1", [["refused", ["k", "x"], 5], ["refused", ["k", "y"], 1]])
    assert sorted(books.rows()) == [("refused", ("k", "x"), 5), ("refused", ("k", "y"), 1)]


def test_gauges_join_as_their_family_says() -> None:
    budget = ("k", "day", "")
    one = [(IN_FLIGHT.name, (), 2), (COOLING.name, ("p",), 1), (BUDGET_LEFT.name, budget, 5)]
    other = [(IN_FLIGHT.name, (), 3), (COOLING.name, ("p",), 0), (BUDGET_LEFT.name, budget, 4)]
    assert JoinedBooks().rows([one, other]) == [
        (IN_FLIGHT.name, (), 5),
        (COOLING.name, ("p",), 1),
        (BUDGET_LEFT.name, budget, 4),
    ]


def test_labels_are_bounded_over_all_workers() -> None:
    books = JoinedBooks()
    for worker in range(4):
        names = range(worker * 100, worker * 100 + 100)
        books.take(str(worker), [["refused", [f"key-{one}", "x"], 1] for one in names])
    rows = books.rows()
    assert len(rows) == MOST_VALUES + 1
    assert ("refused", ("other", "x"), 400 - MOST_VALUES) in rows
    assert sorted(books.rows()) == sorted(rows)


@pytest.mark.parametrize(
    "row",
    [
        ["unknown", [], 1],
        ["refused", ["k"], 1],
        ["refused", "kx", 1],
        ["refused", ["k", "x"], "1"],
        ["request_seconds", ["p", "m"], [1, 2]],
        ["refused", ["k", "x"]],
    ],
)
def test_a_malformed_row(row: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        row_of(row)


def test_names_are_unique() -> None:
    shown = [one.shown_name for one in FAMILIES.values()]
    assert len(set(shown)) == len(shown)
