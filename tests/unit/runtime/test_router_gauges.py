"""What metrics show of the router as it is now."""

import time
from pathlib import Path

import pytest

from switchyard.metrics.book import Amount
from switchyard.metrics.book import MetricBook
from switchyard.runtime.router_gauges import RouterGauges
from switchyard.usage.windows import Window
from tests.support.runtime import FakeRuntime
from tests.support.runtime import make_runtime

CONFIG = """
clients:
  budgets: {day: 50 USD}
  api-keys: [{key: sk-alice-1234, name: alice, budgets: {month: 10 USD}, limits: {requests: 5/m}}]
providers: [{name: p, base-url: "http://p.example/v1", api-key: k, models: [m]}]
"""


async def gauges(runtime: FakeRuntime) -> dict[tuple[str, tuple[str, ...]], Amount]:
    rows = await RouterGauges(runtime).rows()
    assert len({(name, labels) for name, labels, _ in rows}) == len(rows)
    return {(name, labels): amount for name, labels, amount in rows}


async def test_budgets_and_the_configuration() -> None:
    runtime = make_runtime(CONFIG)
    shown = await gauges(runtime)
    assert shown["budget_left_usd", ("alice", "month", "")] == 10e9
    assert shown["budget_left_usd", ("", "day", "")] == 50e9
    assert len([name for name, _ in shown if name == "budget_left_usd"]) == 2
    assert shown["config_info", (runtime.snapshot.config.fingerprint,)] == 1
    assert len(runtime.snapshot.config.fingerprint) == 12


async def test_windows_that_are_not_over() -> None:
    runtime, now = make_runtime(CONFIG), time.time()
    window = Window(name="5h", used=0.4, resets_at=now + 600, seen_at=now, source="t")
    past = Window(name="7d", used=0.9, resets_at=now - 1, seen_at=now - 60, source="t")
    runtime.ledger.note("login", [window, past])
    shown = await gauges(runtime)
    assert shown["quota_used_ratio", ("login", "5h")] == 0.4
    assert shown["quota_reset_seconds", ("login", "5h")] == pytest.approx(600, abs=5)
    assert ("quota_used_ratio", ("login", "7d")) not in shown


async def test_a_provider_is_down_while_all_its_targets_cool_down() -> None:
    shown = await gauges(make_runtime(CONFIG))
    assert (shown["provider_up", ("p",)], shown["cooling", ("p",)]) == (1, 0)


def test_counts_of_elsewhere_that_begin_anew() -> None:
    runtime, book = make_runtime(CONFIG), MetricBook()
    follower = RouterGauges(runtime)
    for failed in (2, 5, 1):
        runtime.failed_reloads = failed
        follower.note(book)
    counts = {name: amount for name, _, amount in book.rows()}
    assert counts["config_reload_failures"] == 6
    assert isinstance(counts["cpu_seconds"], int) and counts["cpu_seconds"] > 0


async def test_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = await gauges(make_runtime(CONFIG))
    own = shown["resident_bytes", ("0",)]
    monkeypatch.setattr("switchyard.runtime.router_gauges._MEMORY", tmp_path / "none")
    peak = (await gauges(make_runtime(CONFIG)))["resident_bytes", ("0",)]
    assert isinstance(own, int) and isinstance(peak, int) and 1e6 < own <= 2 * peak
