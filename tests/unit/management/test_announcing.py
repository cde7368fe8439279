"""What webhooks hear of requests and budgets."""

from datetime import UTC
from datetime import datetime
from typing import Any

import pytest

from switchyard.config.client_keys import ClientKey
from switchyard.management.announcing import announce_budgets
from switchyard.management.announcing import announce_request
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Denied
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitExceeded
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import Sliding
from switchyard.usage.records import EndState
from switchyard.usage.records import RequestRecord
from switchyard.values.units import NANO_DOLLARS
from switchyard.webhooks.webhooks import Webhooks


class FakeWebhooks(Webhooks):
    """Remembers what is published."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, Any, str]] = []

    def wants(self, *names: str) -> bool:
        return True

    def publish(self, name: str, make: Any, once: str = "") -> None:
        if (name, once) not in [(known, key) for known, _, key in self.told if key]:
            self.told.append((name, make(), once))


def record(state: EndState, **more: Any) -> RequestRecord:
    return RequestRecord(id=bytes(16), started=1.0, state=state, **more)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        ("complete", "request.completed"),
        ("cached", "request.completed"),
        ("failed", "request.failed"),
        ("cut", "request.failed"),
        ("refused", "request.failed"),
        ("interrupted", "request.failed"),
    ],
)
def test_a_request_that_ended(state: EndState, event: str) -> None:
    webhooks = FakeWebhooks()
    announce_request(webhooks, record(state, cost=2_500_000_000))
    ((name, data, once),) = webhooks.told
    assert (name, once) == (event, "")
    assert data["state"] == state and data["cost"] == 2.5


@pytest.mark.parametrize("state", ["running", "client-left"])
def test_a_request_without_an_event(state: EndState) -> None:
    webhooks = FakeWebhooks()
    announce_request(webhooks, record(state))
    assert webhooks.told == []


def test_a_cache_that_broke() -> None:
    webhooks = FakeWebhooks()
    announce_request(webhooks, record("complete", cache_verdict="tools", session="s", model="m"))
    assert [name for name, _, _ in webhooks.told] == ["request.completed", "cache.broken"]
    told = webhooks.told[1][1]
    assert (told["cache_verdict"], told["session"], told["model"]) == ("tools", "s", "m")


def over(kind: Any = "money", resets_in: float | None = 3000.0, period: Any = None) -> Denied:
    limit = Limit(
        key="alice/gpt-*", kind=kind, most=5 * NANO_DOLLARS, period=period or Calendar("day")
    )
    standing = LimitStanding(
        limit, used=6 * NANO_DOLLARS, reserved=NANO_DOLLARS, resets_in=resets_in
    )
    return Denied(exceeded=(LimitExceeded(standing, wanted=1, retry_after=None),))


def test_what_is_known_of_a_budget() -> None:
    webhooks = FakeWebhooks()
    noon = 1_800_000_000.0
    announce_budgets(webhooks, over(), None, noon)
    announce_budgets(webhooks, over(resets_in=2990.0), None, noon + 10.5)
    ((name, data, _),) = webhooks.told
    assert name == "budget.exceeded"
    assert data == {
        "key": "alice",
        "models": "gpt-*",
        "budget": 5.0,
        "spent": 5.0,
        "resets_at": noon + 3000.0,
    }


def test_a_key_is_named_as_in_records() -> None:
    webhooks = FakeWebhooks()
    key = ClientKey.model_validate({"id": "0a1b2c3d4e", "name": "team/ann", "key": "k-1"})
    announce_budgets(webhooks, over(), key, 1.8e9)
    assert webhooks.told[0][1]["key"] == "team/ann"


@pytest.mark.parametrize(
    ("name", "same", "next"),
    [
        ("5h", 3600, 5 * 3600),
        ("day", 12 * 3600, 24 * 3600),
        ("week", 86400, 7 * 86400),
        ("month", 20 * 86400, 31 * 86400),
    ],
)
def test_a_budget_is_announced_once_a_period(name: Any, same: int, next: int) -> None:
    webhooks = FakeWebhooks()
    monday = datetime(2026, 6, 1, 2, tzinfo=UTC).timestamp()
    for later in (0, same, next):
        announce_budgets(webhooks, over(period=Calendar(name)), None, monday + later)
    assert len(webhooks.told) == 2


def test_a_budget_without_an_end_is_announced_once() -> None:
    webhooks = FakeWebhooks()
    for later in (0, 400 * 86400):
        announce_budgets(
            webhooks, over(resets_in=None, period=Calendar("total")), None, 1.8e9 + later
        )
    ((_, data, _),) = webhooks.told
    assert data["resets_at"] is None


def test_a_sliding_budget_is_announced_once_a_day() -> None:
    webhooks = FakeWebhooks()
    for later in (0, 3600, 86400):
        announce_budgets(webhooks, over(period=Sliding(18000)), None, 1.8e9 + later)
    assert len(webhooks.told) == 2


def test_other_limits_are_no_budgets() -> None:
    webhooks = FakeWebhooks()
    announce_budgets(webhooks, over("tokens"), None, 1.0)
    assert webhooks.told == []
