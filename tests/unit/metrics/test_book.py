"""Counters and histograms of one process."""

import threading

import pytest

from switchyard.metrics import book as book_module
from switchyard.metrics.book import MetricBook
from switchyard.metrics.book import added
from switchyard.metrics.families import DURATION
from switchyard.metrics.families import REFUSED

TARGET = ("p", "m")


def test_counts_add_up() -> None:
    book = MetricBook()
    book.count([(REFUSED, ("k", "budget"), 1)])
    book.count([(REFUSED, ("k", "budget"), 2), (REFUSED, ("k", "rights"), 1)])
    assert book.rows() == [("refused", ("k", "budget"), 3), ("refused", ("k", "rights"), 1)]


@pytest.mark.parametrize(
    ("value", "bucket"), [(0, 0), (50, 0), (51, 1), (600_000, 13), (600_001, 14)]
)
def test_a_value_falls_into_the_bucket_that_it_does_not_exceed(value: int, bucket: int) -> None:
    book = MetricBook()
    book.count([], [(DURATION, TARGET, value)])
    ((_, _, figures),) = book.rows()
    assert isinstance(figures, list) and len(figures) == len(DURATION.buckets) + 2
    assert figures[bucket] == 1 and sum(figures[:-1]) == 1 and figures[-1] == value


def test_changes_are_whole_amounts_of_what_changed() -> None:
    book = MetricBook()
    book.count([(REFUSED, ("a", "x"), 1), (REFUSED, ("b", "x"), 1)])
    assert len(book.changes()) == 2
    assert book.changes() == []
    book.count([(REFUSED, ("a", "x"), 1)])
    assert book.changes() == [("refused", ("a", "x"), 2)]


def test_what_was_returned_stays_as_it_was() -> None:
    book = MetricBook()
    book.count([], [(DURATION, TARGET, 1)])
    before = book.rows()
    book.count([], [(DURATION, TARGET, 1)])
    assert before != book.rows()


def test_the_number_of_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MOST_SERIES", 2)
    book = MetricBook()
    for key in "abcda":
        book.count([(REFUSED, (key, "x"), 1)], [(DURATION, (key, "x"), 1)])
    counts = {labels: amount for name, labels, amount in book.rows() if name == "refused"}
    assert counts == {("a", "x"): 2, ("b", "x"): 1, ("other", "other"): 2}
    figures = [amount for name, _, amount in book.rows() if name == "request_seconds"]
    assert sum(one[0] for one in figures if isinstance(one, list)) == 5


def test_threads_lose_no_count() -> None:
    book = MetricBook()

    def count() -> None:
        for _ in range(2000):
            book.count([(REFUSED, ("k", "x"), 1)])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.rows() == [("refused", ("k", "x"), 8000)]


def test_histograms_are_added_bucket_by_bucket() -> None:
    assert added([1.0, 2.0, 5.0], [1.0, 0.0, 2.0]) == [2, 2, 7]
    assert added(1, 2.5) == 3.5
