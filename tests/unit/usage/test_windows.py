"""Windows as headers tell them."""

from datetime import UTC
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    assert set(windows) == {"5h", "7d", "7d:oi", "overage"}
    assert windows["5h"].used == 0.83 and windows["5h"].resets_at == RESET
    assert windows["5h"].status == "allowed_warning"
    assert windows["7d"].left == 0.0 and windows["7d"].used == 1.02
    assert windows["7d:oi"].left == 0.5
    assert windows["overage"].status == "rejected (out_of_credits)"
    assert windows["overage"].used is None


def test_weeks_of_models_in_either_spelling() -> None:
    prefix = "anthropic-ratelimit-unified"
    told = {f"{prefix}-7d-sonnet-utilization": "0.02", f"{prefix}-7d_opus-utilization": "0.3"}
    assert {name: one.used for name, one in by_name(told).items()} == {
        "7d:sonnet": 0.02,
        "7d:opus": 0.3,
    }


def test_overage() -> None:
    prefix = "anthropic-ratelimit-unified-overage"
    told = {f"{prefix}-status": "allowed", f"{prefix}-in-use": "true"}
    assert by_name(told)["overage"].status == "in use"
    spent = by_name({f"{prefix}-utilization": "0.31", f"{prefix}-reset": str(RESET)})["overage"]
    assert (spent.used, spent.resets_at) == (0.31, RESET)


def test_a_reset_that_lies_behind_is_none() -> None:
    told = {
        "anthropic-ratelimit-unified-5h-utilization": "1.0",
        "anthropic-ratelimit-unified-5h-reset": str(int(NOW) - 30),
    }
    assert by_name(told)["5h"].resets_at is None and by_name(told)["5h"].used == 1.0


@pytest.mark.parametrize(
    ("name", "span", "scope"),
    [
        ("5h", 18_000, ""),
        ("7d:opus", 604_800, "opus"),
        ("90m", 5400, ""),
        ("requests-day:m", 86_400, "m"),
        ("requests:GPT-5", None, "gpt-5"),
        ("premium_interactions", 2_592_000, ""),
        ("limit", None, ""),
    ],
)
def test_what_a_name_says(name: str, span: float | None, scope: str) -> None:
    window = Window(name=name, seen_at=NOW, source="test")
    assert (window.span, window.scope) == (span, scope)


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
            "x-codex-sparkle-secondary-used-percent": "2",
            "x-codex-sparkle-secondary-window-minutes": "10080",
            "x-codex-sparkle-limit-name": "gpt-5.3-codex-spark",
            "x-codex-credits-has-credits": "true",
            "x-codex-credits-balance": "12.5",
        }
    )
    assert windows["5h"].used == pytest.approx(0.425) and windows["5h"].resets_at == NOW + 600
    assert windows["7d"].resets_at == RESET
    assert windows["5h:codex-bengalfox"].used == 0.01
    assert windows["7d:gpt-5.3-codex-spark"].scope == "gpt-5.3-codex-spark"
    assert windows["credits"].remaining == 12 and windows["credits"].used is None


def test_codex_windows_without_a_length() -> None:
    told = {"x-codex-primary-used-percent": "100", "x-codex-primary-reset-at": str(RESET)}
    assert by_name(told)["primary"].resets_at == RESET


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
            "x-codex-code-review-primary-used-percent": "0",
            "anthropic-ratelimit-unified-5h-utilization": "0",
            "anthropic-ratelimit-unified-5h-reset": "0",
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
            "x-usage-ratelimit-weekly": "rem=75.0&rst=2025-12-01T00%3A00%3A00Z",
            "x-usage-ratelimit-session": "rem=50.0",
        }
    )
    assert windows["premium_interactions"].used == pytest.approx(0.585)
    assert (
        windows["premium_interactions"].resets_at == datetime(2025, 12, 1, tzinfo=UTC).timestamp()
    )
    assert windows["7d"].used == 0.25 and windows["session"].used == 0.5
    assert windows["chat"].status == "unlimited" and windows["chat"].left is None


@given(st.dictionaries(st.sampled_from([*ANTHROPIC, "x-ratelimit-limit"]), st.text()))
def test_whatever_stands_in_headers_is_read(headers: dict[str, str]) -> None:
    read_windows(headers, NOW)
    assert not headers or has_windows(headers)
