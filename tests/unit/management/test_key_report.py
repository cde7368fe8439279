"""What the holder of a key learns of it."""

from types import SimpleNamespace

import pytest

from switchyard.management import key_report as reporting
from switchyard.management.key_report import key_report
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from tests.support.runtime import make_runtime

NOON = 1_800_014_400
"""A Friday in January 2027, UTC."""
CONFIG = """
    usage: null
    providers:
      - {name: paid, base-url: "https://paid.example/v1", models: [m], api-key: provider-key-1}
    clients:
      contact: ops@example.com
      limits: {requests: 9/m}
      api-keys:
        - key: client-secret-one
          name: ann
          models: ["m*"]
          except: ["*mini*"]
          limits: {requests: 5/m}
          budgets: {month: 10 USD}
          per-model: [{models: ["m"], limits: {tokens: 100/h}}]
          expires: 2027-01-31
"""


async def test_policy_limits_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = make_runtime(CONFIG)
    # No month ends during the test, whenever it runs.
    monkeypatch.setattr(reporting, "time", SimpleNamespace(time_ns=lambda: NOON * 10**9))
    snapshot, state = runtime.snapshot, MemoryState(lambda: NOON)
    client = snapshot.client_key("client-secret-one")
    assert client is not None
    ask = Ask(
        limits=snapshot.key_rules.all_of(client), amounts=Amounts(tokens=30, money=25 * 10**8)
    )
    await state.admit(ask)
    report = await key_report(client, snapshot, state, None)
    assert report["key"] == {
        "name": "ann",
        "id": None,
        "project": None,
        "role": "client",
        "models": ["m*"],
        "except": ["*mini*"],
        "providers": ["*"],
        "concurrency": None,
        "priority": 0,
        "over_budget": "free-members",
        "enforced": True,
        "expires": 1_801_439_999.999999,
    }
    requests, money, tokens = report["limits"]
    assert requests["kind"] == "requests" and requests["period"] == "per min"
    assert (requests["limit"], requests["used"], requests["reserved"], requests["left"]) == (
        5,
        0,
        1,
        4,
    )
    assert (money["limit"], money["reserved"], money["left"]) == (10.0, 2.5, 7.5)
    assert money["resets"] == "2027-02-01T00:00:00Z" and money["models"] is None
    assert (tokens["models"], tokens["left"]) == (["m"], 70)
    assert report["contact"] == "ops@example.com" and report["shared"] is True
    assert "client-secret" not in repr(report)


async def test_without_client_keys_the_routers_own_limits() -> None:
    config = CONFIG.partition("      api-keys")[0]
    runtime = make_runtime(config)
    report = await key_report(None, runtime.snapshot, runtime.state.shared, None)
    assert report["key"] is None
    assert [(one["kind"], one["limit"], one["left"]) for one in report["limits"]] == [
        ("requests", 9, 9)
    ]
