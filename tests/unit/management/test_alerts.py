"""Conditions that webhooks are told of."""

import time
from typing import Any

import pytest

from switchyard.accounts.accounts import Accounts
from switchyard.accounts.accounts import SourceStatus
from switchyard.management.alerts import Alerts
from switchyard.policy.cooldown import Standing
from switchyard.policy.health import Health
from switchyard.policy.health import HealthRow
from switchyard.policy.route import TargetKey
from switchyard.usage.windows import Window
from tests.support.runtime import FakeRuntime
from tests.support.runtime import make_runtime
from tests.unit.management.test_announcing import FakeWebhooks

CONFIG = """
providers: [{name: p, base-url: "https://p.example/v1", api-key-entries: [sk-1, sk-2]}]
clients: {api-keys: [KEYS]}
"""
SOON = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 4 * 86400))
LATER = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 40 * 86400))


def watched(keys: str = "client-key-1") -> tuple[FakeRuntime, FakeWebhooks, Alerts]:
    runtime = make_runtime(CONFIG.replace("KEYS", keys))
    runtime.webhooks = webhooks = FakeWebhooks()
    return runtime, webhooks, Alerts(runtime)


def window(used: float | None, resets_at: float | None = None, seen: float = 0.0) -> Window:
    ends = time.time() + 3600 if resets_at is None else resets_at
    return Window(name="5h", used=used, resets_at=ends, seen_at=time.time() + seen, source="header")


def test_a_window_warns_twice_and_tells_its_end() -> None:
    runtime, webhooks, alerts = watched()
    ends = time.time() + 3600
    for number, used in enumerate((0.5, 0.81, 0.85, 0.96, 0.97, 1.0, 1.0)):
        runtime.ledger.windows.note("p#0", [window(used, ends, number)])
        alerts.look()
    told = [(name, data["threshold"], data["used"]) for name, data, _ in webhooks.told]
    assert told == [
        ("quota.warning", 0.8, 0.81),
        ("quota.warning", 0.95, 0.96),
        ("quota.exceeded", 1.0, 1.0),
    ]


def test_a_window_that_began_anew_warns_again() -> None:
    runtime, webhooks, alerts = watched()
    now = time.time()
    for number, (used, ends) in enumerate([(0.9, 600), (0.1, 18600), (0.9, 18600)]):
        runtime.ledger.windows.note("p#0", [window(used, now + ends, number)])
        alerts.look()
    assert [name for name, _, _ in webhooks.told] == ["quota.warning"] * 2


def test_a_window_without_a_share_says_nothing() -> None:
    runtime, webhooks, alerts = watched()
    runtime.ledger.windows.note("p#0", [window(None)])
    alerts.look()
    assert webhooks.told == []


def row(
    credential: str, state: Any, failures: int = 1, until: float = 0.0, **more: Any
) -> HealthRow:
    given: dict[str, Any] = {"last_class": "overload", "last_status": 503, **more}
    return HealthRow(
        key=TargetKey("p", credential, "m"),
        standing=Standing(state, until=until),
        in_flight=0,
        successes=0,
        failures=failures,
        last_error="",
        last_failed_at=1.0,
        **given,
    )


class Looks:
    """Looks again after a while, at other rows of health."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runtime, self.webhooks, self.alerts = watched()
        self._rows: list[HealthRow] = []
        self.clock = 1000.0
        monkeypatch.setattr(Health, "snapshot", lambda *_: self._rows)
        monkeypatch.setattr("switchyard.management.alerts.time.monotonic", lambda: self.clock)

    def look(self, *rows: HealthRow, after: float = 5.0) -> list[str]:
        self.clock += after
        self._rows = list(rows)
        self.alerts.look()
        return [name for name, _, _ in self.webhooks.told]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_a_provider_goes_down_and_up(looks: Looks) -> None:
    both = lambda n: [row("p#0", "cooling", n), row("p#1", "trial", n)]  # noqa: E731
    assert looks.look(*both(1)) == []
    assert looks.look(*both(2)) == []
    assert looks.look(*both(3)) == ["provider.down"]
    assert looks.look(*both(9)) == ["provider.down"]
    data = looks.webhooks.told[0][1]
    assert (data["provider"], data["class"], data["status"]) == ("p", "overload", 503)
    up = [row("p#0", "open", 9), row("p#1", "cooling", 9)]
    assert looks.look(*up) == ["provider.down", "provider.up"]
    assert looks.look(*up) == ["provider.down", "provider.up"]


def test_a_provider_with_one_failure_is_not_down(looks: Looks) -> None:
    for _ in range(9):
        assert looks.look(row("p#0", "trial"), row("p#1", "trial")) == []


def test_a_long_cooldown_needs_no_further_failure(looks: Looks) -> None:
    rows = [row(name, "cooling", until=9000.0, last_class="credential") for name in ("p#0", "p#1")]
    assert looks.look(*rows) == []
    assert looks.look(*rows, after=11.0) == ["provider.down"]


@pytest.mark.parametrize("last_class", ["quota", "model", "request"])
def test_what_is_not_the_providers_own_trouble(looks: Looks, last_class: str) -> None:
    for number in range(4):
        rows = [row(name, "cooling", number + 3, last_class=last_class) for name in ("p#0", "p#1")]
        assert looks.look(*rows) == []


def test_a_key_that_was_not_tried_may_work(looks: Looks) -> None:
    for number in range(4):
        assert looks.look(row("p#0", "cooling", number + 3)) == []


def test_keys_that_expire_soon() -> None:
    one = f"{{key: client-key-1, name: alice, expires: {SOON}}}"
    two = f"{{key: client-key-2, name: bob, expires: {LATER}}}"
    three = "{key: client-key-3, name: carol, expires: 2020-01-01}"
    _, webhooks, alerts = watched(f"{one}, {two}, {three}")
    alerts.look()
    alerts.look()
    ((name, data, _),) = webhooks.told
    assert name == "key.expiring" and data["key"] == "alice"
    assert data["expires"].startswith(SOON)


def test_an_account_that_lacks_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    _, webhooks, alerts = watched()
    states = [
        SourceStatus("claude", "log in again", None, is_lasting=True),
        SourceStatus("other", "no network", None),
    ]
    monkeypatch.setattr(Accounts, "status", lambda _: tuple(states))
    alerts.look()
    alerts.look()
    assert [(name, data) for name, data, _ in webhooks.told] == [
        ("account.login-needed", {"account": "claude", "problem": "log in again"})
    ]
