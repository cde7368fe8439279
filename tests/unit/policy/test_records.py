"""Which failure is told, and how records look."""

from switchyard.policy.failures import CLASSES
from switchyard.policy.failures import KINDS
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import Seen
from switchyard.policy.records import AttemptRecord
from switchyard.policy.records import most_telling
from switchyard.policy.records import reason_of


def record(cls: FailureClass | None, **more: object) -> AttemptRecord:
    named = {"provider": "p", "model": "m", "credential": "p#0", **more}
    return AttemptRecord(cls=cls, **named)  # type: ignore[arg-type]


def test_what_tells_most_wins_whatever_the_order():
    ranking: list[FailureClass] = [
        "request",
        "context-length",
        "quota",
        "credential",
        "model",
        "overload",
        "history",
        "empty",
        "network",
    ]
    assert set(ranking) == set(CLASSES)
    for n, cls in enumerate(ranking):
        records = [record(other) for other in ranking[n:]]
        assert most_telling(records) == record(cls)
        assert most_telling(records[::-1]) == record(cls)


def test_of_quotas_the_soonest_known_return():
    late, soon, unknown = (
        record("quota", retry_at=90.0),
        record("quota", retry_at=30.0),
        record("quota"),
    )
    assert most_telling([late, soon, unknown]) is soon


def test_of_equals_the_one_with_a_status_then_the_last():
    bare, told, later = (
        record("overload"),
        record("overload", status=503, reason="a"),
        record("overload", status=500, reason="b"),
    )
    assert most_telling([told, bare]) is told
    assert most_telling([told, later]) is later
    memory = record("overload", status=503, tried=False)
    assert most_telling([told, memory]) is told


def test_successes_tell_nothing():
    assert most_telling([]) is None
    assert most_telling([record(None)]) is None


def test_as_json():
    failed = record("quota", status=429, reason="slow", seconds=0.12345)
    assert failed.as_json() == {
        "provider": "p",
        "model": "m",
        "status": 429,
        "class": "quota",
        "reason": "slow",
        "seconds": 0.123,
    }
    assert record(None, status=200).as_json()["class"] == "ok"
    assert record("quota", tried=False).as_json()["tried"] is False


def test_reasons_are_never_empty_and_never_secret():
    for kind in KINDS:
        assert reason_of(Seen(kind=kind))
    assert reason_of(Seen(status=503)) == "HTTP status 503"
    assert reason_of(Seen(message="key sk-1234567890abcdef is bad")) == "key [redacted] is bad"
