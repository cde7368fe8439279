"""Records as JSON: the store's names, money in dollars, nothing lost."""

from dataclasses import fields

from switchyard.management.record_members import record_members
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.wire.encoding.jsonio import dumps
from tests.unit.usage.support import record


def test_every_member_is_there() -> None:
    members = record_members(record(cost=1_500_000_000))
    assert set(members) == {one.name for one in fields(RequestRecord)}
    assert members["cost"] == 1.5
    assert members["id"].count("-") == 4
    assert dumps(members)


def test_attempts_too() -> None:
    attempt = AttemptUsage(
        number=1, started=1.0, provider="glm", model="glm-4.7", format="openai-chat", cost=None
    )
    (shown,) = record_members(record(tries=(attempt,)))["tries"]
    assert set(shown) == {one.name for one in fields(AttemptUsage)}
    assert shown["cost"] is None
