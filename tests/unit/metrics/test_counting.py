"""What a record adds to which metric."""

from typing import Any

import pytest

from switchyard.metrics.book import Amount
from switchyard.metrics.book import MetricBook
from switchyard.metrics.counting import DISJOINT
from switchyard.metrics.counting import PARTS
from switchyard.metrics.counting import RecordCounter
from switchyard.metrics.families import SHORT
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import Tokens
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

WHO = ("alice", "anthropic", "claude-sonnet-4-5")
TARGET = WHO[1:]


def counted(**changes: Any) -> dict[tuple[str, tuple[str, ...]], Amount]:
    book = MetricBook()
    RecordCounter(book).count(record(**changes))
    return {(name, labels): amount for name, labels, amount in book.rows()}


def attempt(**changes: Any) -> AttemptUsage:
    facts = {"number": 1, "started": NOON, "provider": "p", "model": "m", "format": "anthropic"}
    return AttemptUsage(**facts | changes)


def test_a_request() -> None:
    counts = counted(format_in="anthropic")
    assert counts["requests", ("alice", "anthropic", *TARGET, "complete")] == 1
    assert counts["attempts", (*TARGET, "ok")] == 1
    assert counts["tokens", (*WHO, "input")] == 1000
    assert counts["tokens", (*WHO, "output")] == 100
    assert counts["cost_usd", WHO] == counts["list_cost_usd", WHO] == 4_500_000
    assert not {"refused", "requests_failed", "unpriced_requests"} & {name for name, _ in counts}


def test_every_class_of_tokens_is_counted_once() -> None:
    assert sorted((*DISJOINT, *PARTS)) == sorted(TOKEN_CLASSES)
    counts = counted(tokens=Tokens(*range(1, len(TOKEN_CLASSES) + 1)))
    found = {labels[-1]: amount for (name, labels), amount in counts.items() if "token" in name}
    assert found == {name: number for number, name in enumerate(TOKEN_CLASSES, 1)}


def test_a_refusal_has_no_target() -> None:
    counts = counted(state="refused", error="budget", provider=None, model=None, tries=(),
                     tokens=Tokens(), cost=None, list_cost=None, end_ms=5)  # fmt: skip
    assert counts == {
        ("requests", ("alice", "", "", "", "refused")): 1,
        ("refused", ("alice", "budget")): 1,
    }


@pytest.mark.parametrize("state", ["failed", "cut", "interrupted"])
def test_a_failure_has_its_class(state: str) -> None:
    counts = counted(state=state, error="overloaded", tries=(attempt(outcome="overloaded"),))
    assert counts["requests_failed", (*TARGET, "overloaded")] == 1
    assert counts["attempts", ("p", "m", "overloaded")] == 1


def test_tokens_without_a_price() -> None:
    assert counted(cost=None, list_cost=None)["unpriced_requests", TARGET] == 1


@pytest.mark.parametrize(
    ("tries", "overhead"),
    [
        ((attempt(end_ms=800),), 200),
        ((attempt(end_ms=None),), 100),
        ((attempt(end_ms=300), attempt(number=2, started=NOON + 0.4, end_ms=500)), 200),
        ((attempt(end_ms=800), attempt(number=2, started=NOON + 0.1, end_ms=200)), 200),
        ((attempt(end_ms=5000),), 100),
    ],
    ids=["one", "no end", "a pause between", "a hedge", "beyond the end"],
)
def test_the_routers_own_time(tries: tuple[AttemptUsage, ...], overhead: int) -> None:
    figures = counted(end_ms=1000, queue_ms=100, tries=tries)["overhead_seconds", ()]
    assert isinstance(figures, list)
    assert figures[-1] == overhead
    assert figures[SHORT.index(100 if overhead == 100 else 250)] == 1


def test_times_of_a_stream() -> None:
    counts = counted(end_ms=2500, queue_ms=3, first_output_ms=500, streamed=True)
    sums = {name: figures[-1] for (name, _), figures in counts.items() if isinstance(figures, list)}
    assert sums == {
        "request_seconds": 2500,
        "queue_seconds": 3,
        "overhead_seconds": 3,
        "first_output_seconds": 500,
        "output_tokens_per_second": 50,
    }
