"""Heads of responses one after another, as providers send them, and what is known after each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from switchyard.usage.forecast import Track
from switchyard.usage.window_book import WindowBook
from switchyard.usage.windows import read_event
from switchyard.usage.windows import read_windows

NOW = 1_790_800_000.0
HOUR, DAY = 3600, 86_400
FIVE = int(NOW) + 3 * HOUR
WEEK = int(NOW) + 4 * DAY


@dataclass
class Played:
    """Windows after heads that arrived at seconds from the beginning."""

    book: WindowBook
    kept: list[tuple[str, float | None]]

    def track(self, name: str) -> Track:
        found = self.book.track("k", name)
        assert found is not None, name
        return found


def play(*heads: tuple[float, Mapping[str, Any]]) -> Played:
    played = Played(WindowBook(), [])
    for seconds, head in heads:
        now = NOW + seconds
        event = head.get("type") == "codex.rate_limits"
        windows = read_event(head, now) if event else read_windows(head, now)
        kept = played.book.note("k", windows)
        played.kept += [(one.window.name, one.window.used) for one in kept]
    return played


def claude(five: float, week: float, reset: int = FIVE) -> dict[str, str]:
    prefix = "anthropic-ratelimit-unified"
    return {
        f"{prefix}-status": "allowed",
        f"{prefix}-reset": str(reset),
        f"{prefix}-representative-claim": "five_hour",
        f"{prefix}-5h-status": "allowed",
        f"{prefix}-5h-utilization": str(five),
        f"{prefix}-5h-reset": str(reset),
        f"{prefix}-7d-status": "allowed",
        f"{prefix}-7d-utilization": str(week),
        f"{prefix}-7d-reset": str(WEEK),
        f"{prefix}-overage-status": "rejected",
        f"{prefix}-overage-disabled-reason": "org_level_disabled",
    }


def codex(primary: float, minutes: int = 300, after: int = 3 * HOUR, **more: str) -> dict[str, str]:
    return {
        "x-codex-primary-used-percent": str(primary),
        "x-codex-primary-window-minutes": str(minutes),
        "x-codex-primary-reset-after-seconds": str(after),
        **{f"x-codex-{name.replace('_', '-')}": value for name, value in more.items()},
    }


def test_an_hour_of_claude_code() -> None:
    """The reset jitters by a second; of 61 heads a minute apart, those that moved are kept."""
    heads = [
        (60.0 * n, claude(round(0.30 + 0.005 * n, 3), 0.5, FIVE + (-1) ** n)) for n in range(61)
    ]
    played = play(*heads)
    five = played.track("5h")
    assert five.resets == 0 and five.window.used == 0.6
    assert sum(name == "5h" for name, _ in played.kept) == 61
    assert sum(name == "7d" for name, _ in played.kept) == 1
    assert ("overage", None) in played.kept and len(played.kept) == 63
    forecast = five.forecast(NOW + HOUR)
    assert (forecast.kind, forecast.sure) == ("empty", True)
    assert forecast.empty_at == pytest.approx(NOW + HOUR + 80 * 60, abs=1)
    assert played.track("7d").forecast(NOW + HOUR).kind == "unknown"  # one figure is no pace


def test_many_heads_a_minute_are_one_snapshot() -> None:
    played = play(*((0.5 * n, claude(0.1 + 0.0001 * n, 0.5)) for n in range(120)))
    assert [name for name, _ in played.kept].count("5h") == 1
    assert played.track("5h").window.used == pytest.approx(0.1119)


def test_a_new_term() -> None:
    over = FIVE - NOW
    played = play(
        (0, claude(0.95, 0.4)),
        (600, claude(0.99, 0.41)),
        (over + 30, claude(0.01, 0.42, FIVE + 5 * HOUR)),
        (over + 1230, claude(0.03, 0.43, FIVE + 5 * HOUR + 1)),
    )
    five = played.track("5h")
    assert five.resets == 1 and [used for _, used in five.snapshots] == [0.01, 0.03]
    assert five.forecast(FIVE + 1230).kind == "lasts"
    assert played.track("7d").resets == 0


def test_a_refund_moves_the_share_and_not_the_term() -> None:
    played = play((0, claude(0.8, 0.6)), (120, claude(0.3, 0.2)))
    assert (played.track("5h").window.used, played.track("5h").resets) == (0.3, 0)
    assert played.track("5h").forecast(NOW + 120).kind == "lasts"


def test_the_week_of_one_model_comes_and_goes() -> None:
    fable = claude(0.1, 0.2) | {
        "anthropic-ratelimit-unified-7d_oi-utilization": "0.9",
        "anthropic-ratelimit-unified-7d_oi-reset": str(WEEK),
    }
    played = play((0, claude(0.1, 0.2)), (60, fable), (120, claude(0.1, 0.21)))
    assert played.track("7d:oi").window.seen_at == NOW + 60
    assert played.track("7d").window.seen_at == NOW + 120


def test_what_is_bought_on_top() -> None:
    more = {"anthropic-ratelimit-unified-overage-in-use": "true"}
    played = play(
        (0, claude(0.99, 0.5)),
        (60, claude(1.0, 0.5) | more),
        (120, claude(1.01, 0.5) | more),
    )
    assert played.track("overage").window.status == "in use"
    assert played.track("5h").window.left == 0.0
    assert played.track("5h").forecast(NOW + 120).kind == "exhausted"


def test_placeholders_of_codex_say_nothing() -> None:
    zeros = codex(0, 0, 0, secondary_used_percent="0", secondary_window_minutes="0")
    assert play((0, zeros)).book.tracks() == []
    played = play((0, codex(40)), (60, zeros), (120, codex(0, 0, 0)))
    assert played.track("5h").window.used == 0.4 and played.track("5h").resets == 0


def test_heads_and_events_of_codex_are_of_one_window() -> None:
    event = {
        "type": "codex.rate_limits",
        "plan_type": "plus",
        "rate_limits": {
            "allowed": True,
            "limit_reached": False,
            "primary": {"used_percent": 43, "window_minutes": 300, "reset_at": FIVE + 1},
            "secondary": {"used_percent": 12, "window_minutes": 10080, "reset_at": WEEK},
        },
        "credits": None,
        "metered_limit_name": "codex",
    }
    spark = event | {"metered_limit_name": "codex_bengalfox", "limit_name": "GPT-5.3-Codex-Spark"}
    played = play((0, codex(42)), (90, event), (91, spark), (180, codex(44, after=3 * HOUR - 180)))
    assert [used for _, used in played.track("5h").snapshots] == [0.42, 0.43, 0.44]
    assert played.track("5h").resets == 0
    assert played.track("5h:GPT-5.3-Codex-Spark").window.scope == "gpt-5.3-codex-spark"


def test_the_month_of_copilot() -> None:
    def head(left: float, month: int) -> dict[str, str]:
        moment = f"2026-{month:02}-01T00%3A00%3A00Z"
        return {"x-quota-snapshot-premium_interactions": f"ent=300&ov=0.0&rem={left}&rst={moment}",
                "x-quota-snapshot-chat": f"ent=-1&ov=0.0&rem=100.0&rst={moment}"}  # fmt: skip

    end = 1_793_491_200 - NOW  # 2026-11-01
    played = play((0, head(40, 11)), (120, head(39.5, 11)), (end + 5, head(99.5, 12)))
    premium = played.track("premium_interactions")
    assert premium.resets == 1 and premium.window.used == pytest.approx(0.005)
    assert played.track("chat").window.status == "unlimited"


def test_an_old_head_is_old_and_its_term_over() -> None:
    five = play((0, claude(0.5, 0.5))).track("5h")
    assert not five.is_old(NOW + 60)
    assert five.is_old(NOW + 1000) and not five.is_over(NOW + 1000)
    assert five.is_over(FIVE + 1)
