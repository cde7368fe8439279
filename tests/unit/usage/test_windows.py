"""Windows as headers tell them, and what becomes of them over time."""

from datetime import UTC
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from switchyard.usage.forecast import Track
from switchyard.usage.windows import Window
from switchyard.usage.windows import has_windows
from switchyard.usage.windows import read_windows

NOW = 1_764_331_200.0
RESET = 1_764_342_000

ANTHROPIC = {
    "anthropic-ratelimit-unified-status": "allowed",
    "anthropic-ratelimit-unified-reset": str(RESET),
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-5h-status": "allowed_warning",
    "anthropic-ratelimit-unified-5h-utilization": "0.83",
    "anthropic-ratelimit-unified-5h-reset": str(RESET),
    "anthropic-ratelimit-unified-7d-status": "allowed",
    "anthropic-ratelimit-unified-7d-utilization": "1.02",
    "anthropic-ratelimit-unified-7d-reset": str(RESET + 86400),
    "anthropic-ratelimit-unified-7d_oi-utilization": "0.5",
    "anthropic-ratelimit-unified-7d_oi-reset": str(RESET + 86400),
    "anthropic-ratelimit-unified-overage-status": "rejected",
    "anthropic-ratelimit-unified-overage-disabled-reason": "out_of_credits",
    "anthropic-ratelimit-unified-fallback-percentage": "0.5",
}


def by_name(headers: dict[str, str]) -> dict[str, Window]:
    return {window.name: window for window in read_windows(headers, NOW)}


def test_anthropic_logins() -> None:
    windows = by_name(ANTHROPIC)
    assert set(windows) == {"5h", "7d", "7d:opus", "overage"}
    assert windows["5h"].used == 0.83 and windows["5h"].resets_at == RESET
    assert windows["5h"].status == "allowed_warning"
    assert windows["7d"].left == 0.0 and windows["7d"].used == 1.02
    assert windows["7d:opus"].left == 0.5
    assert windows["overage"].status == "rejected" and windows["overage"].used is None


def test_codex_windows_are_named_by_their_minutes() -> None:
    windows = by_name(
        {
            "x-codex-primary-used-percent": "42.5",
            "x-codex-primary-window-minutes": "300",
            "x-codex-primary-reset-after-seconds": "600",
            "x-codex-secondary-used-percent": "7",
            "x-codex-secondary-window-minutes": "10080",
            "x-codex-secondary-reset-at": str(RESET),
            "x-codex-bengalfox-primary-used-percent": "1",
            "x-codex-bengalfox-primary-window-minutes": "300",
        }
    )
    assert windows["5h"].used == pytest.approx(0.425) and windows["5h"].resets_at == NOW + 600
    assert windows["7d"].resets_at == RESET
    assert windows["5h:codex-bengalfox"].used == 0.01


def test_placeholders_are_no_data() -> None:
    assert not by_name(
        {
            "x-codex-primary-used-percent": "0",
            "x-codex-primary-window-minutes": "0",
            "x-codex-secondary-used-percent": "0",
            "x-ratelimit-limit-requests": "0",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-remaining-tokens": "-1",
            "x-ratelimit-limit-tokens": "-1",
            "x-quota-snapshot-chat": "ent=0&rem=0",
        }
    )


def test_limits_of_api_keys() -> None:
    windows = by_name(
        {
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-remaining-requests": "125",
            "x-ratelimit-reset-requests": "1m30.5s",
            "anthropic-ratelimit-input-tokens-limit": "40000",
            "anthropic-ratelimit-input-tokens-remaining": "30000",
            "anthropic-ratelimit-input-tokens-reset": "2025-11-28T12:30:00Z",
        }
    )
    assert windows["requests"].used == 0.75 and windows["requests"].resets_at == NOW + 90.5
    tokens = windows["input-tokens"]
    assert tokens.left == 0.75 and tokens.limit == 40000
    assert tokens.resets_at == datetime(2025, 11, 28, 12, 30, tzinfo=UTC).timestamp()


def test_copilot_snapshots() -> None:
    windows = by_name(
        {
            "x-quota-snapshot-premium_interactions": "ent=300&rem=41.5&rst=2025-12-01T00:00:00Z",
            "x-quota-snapshot-chat": "ent=-1&ov=0.0&rem=100.0",
        }
    )
    assert windows["premium_interactions"].used == pytest.approx(0.585)
    assert (
        windows["premium_interactions"].resets_at == datetime(2025, 12, 1, tzinfo=UTC).timestamp()
    )
    assert windows["chat"].status == "unlimited" and windows["chat"].left is None


@given(st.dictionaries(st.sampled_from([*ANTHROPIC, "x-ratelimit-limit"]), st.text()))
def test_whatever_stands_in_headers_is_read(headers: dict[str, str]) -> None:
    read_windows(headers, NOW)
    assert not headers or has_windows(headers)


def window(used: float, at: float, resets: float | None = RESET) -> Window:
    return Window(name="5h", used=used, resets_at=resets, seen_at=at, source="test")


def track(*figures: Window) -> Track:
    course = Track(figures[0])
    for figure in figures:
        course.update(figure)
    return course


def test_jitter_of_a_reset_is_no_reset() -> None:
    course = track(*(window(0.1, NOW + i * 60, RESET + (-1) ** i * 1.5) for i in range(20)))
    assert course.resets == 0


def test_a_reset_begins_anew() -> None:
    course = track(window(0.9, NOW), window(0.01, RESET + 5, RESET + 18_000))
    assert course.resets == 1 and len(course.snapshots) == 1


def test_a_refund_is_no_reset() -> None:
    course = track(window(0.9, NOW), window(0.6, NOW + 120))
    assert course.resets == 0 and course.window.used == 0.6


def test_a_figure_of_a_response_that_began_earlier_changes_nothing() -> None:
    course = track(window(0.5, NOW + 60), window(0.4, NOW))
    assert course.window.used == 0.5


def test_the_forecast_of_a_steady_pace() -> None:
    """10% in ten minutes: what is left lasts as long as arithmetic says."""
    course = track(*(window(0.5 + i * 0.01, NOW + i * 60) for i in range(21)))
    forecast = course.forecast(NOW + 1200)
    assert forecast.kind == "empty" and forecast.sure
    assert forecast.empty_at == pytest.approx(NOW + 1200 + 30 * 60, rel=0, abs=180)
    slow = track(*(window(0.1 + i * 0.001, NOW + i * 60) for i in range(21)))
    assert slow.forecast(NOW + 1200).kind == "lasts"


def test_little_data_is_told_as_such() -> None:
    assert track(window(0.5, NOW)).forecast(NOW).kind == "unknown"
    assert not track(window(0.5, NOW), window(0.6, NOW + 60)).forecast(NOW + 60).sure
    assert track(window(1.0, NOW)).forecast(NOW).kind == "exhausted"
    assert track(window(0.5, NOW)).forecast(RESET + 1).kind == "unknown"


def test_old_figures_are_old() -> None:
    course = track(window(0.5, NOW))
    assert not course.is_old(NOW + 60)
    assert course.is_old(NOW + 3600) and course.is_old(RESET)
