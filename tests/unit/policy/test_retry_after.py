"""Every way in which a provider says when to come back."""

from datetime import UTC
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from switchyard.policy.retry_after import LONGEST
from switchyard.policy.retry_after import earliest_retry

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
WALL = NOON.timestamp()


def headers_say(**headers: str) -> float | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return earliest_retry(named, None, WALL)


def body_says(body: object) -> float | None:
    return earliest_retry({}, body, WALL)


def message_says(message: str) -> float | None:
    return body_says({"error": {"message": message}})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("  7 ", 7.0),
        ("0.5", 0.5),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sunday, 01-Mar-26 12:00:30 GMT", 30.0),
        ("Sun Mar  1 12:00:30 2026", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("20s", 20.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("999999999999999", LONGEST),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("٧", None),
        ("Sun, 99 Mar 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None):
    assert headers_say(retry_after=value) == seconds


def test_milliseconds_come_first():
    assert headers_say(retry_after_ms="1500", retry_after="60") == 1.5
    assert headers_say(retry_after_ms="oops", retry_after="60") == 60.0


def test_a_useless_retry_after_is_passed_over():
    """Subscriptions answer `retry-after: 0` to limits that last for hours."""
    assert headers_say(retry_after="0", anthropic_ratelimit_unified_reset=str(int(WALL) + 90)) == 90
    assert earliest_retry({"retry-after": "0"}, {"error": {"resets_in_seconds": 40}}, WALL) == 40
    assert headers_say(retry_after="0") == 0.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        # OpenAI: two limits; the spent one counts.
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-tokens": "149000",
                "x-ratelimit-reset-tokens": "12ms",
            },
            360.0,
        ),
        # Groq: both spent; both have to pass.
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            179.56,
        ),
        # Nothing is spent: these headers do not speak of the refusal.
        (
            {
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-requests": "12ms",
            },
            None,
        ),
        # Cerebras: plain seconds.
        (
            {
                "x-ratelimit-remaining-tokens-minute": "0",
                "x-ratelimit-reset-tokens-minute": "11.382867",
                "x-ratelimit-remaining-requests-day": "14300",
                "x-ratelimit-reset-requests-day": "33011.38",
            },
            11.382867,
        ),
        # OpenRouter: milliseconds since 1970.
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{WALL + 60:.0f}000"}, 60.0),
        ({"x-ratelimit-reset": f"{WALL + 60:.0f}"}, 60.0),
        ({"x-ratelimit-reset": "2026-03-01T12:00:45Z"}, 45.0),
        ({"x-ratelimit-reset-requests": "1d2h", "x-ratelimit-reset-tokens": "3s"}, 3.0),
        # Anthropic: RFC 3339.
        (
            {
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-03-01T12:00:02Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2026-03-01T12:00:50Z",
            },
            50.0,
        ),
        # Anthropic subscriptions: seconds since 1970, with a status for each window.
        (
            {
                "anthropic-ratelimit-unified-status": "rejected",
                "anthropic-ratelimit-unified-reset": f"{WALL + 600:.0f}",
                "anthropic-ratelimit-unified-5h-status": "rejected",
                "anthropic-ratelimit-unified-5h-reset": f"{WALL + 600:.0f}",
                "anthropic-ratelimit-unified-7d-status": "allowed",
                "anthropic-ratelimit-unified-7d-reset": f"{WALL + 90000:.0f}",
            },
            600.0,
        ),
        # Codex: windows in percent.
        (
            {
                "x-codex-primary-used-percent": "100",
                "x-codex-primary-reset-after-seconds": "13873",
                "x-codex-secondary-used-percent": "80",
                "x-codex-secondary-reset-after-seconds": "316705",
            },
            13873.0,
        ),
        # IETF RateLimit header fields, both drafts.
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api";r=3;t=55'}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "never"}, None),
    ],
)
def test_limit_headers(headers: dict[str, str], seconds: float | None):
    assert earliest_retry(headers, None, WALL) == pytest.approx(seconds)


def test_limit_headers_speak_of_limits_only():
    headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1h"}
    assert earliest_retry(headers, None, WALL, limits=False) is None
    assert earliest_retry({**headers, "retry-after": "3"}, None, WALL, limits=False) == 3.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (
            {
                "error": {
                    "code": 429,
                    "details": [
                        {"@type": "type.googleapis.com/google.rpc.Help"},
                        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"},
                    ],
                }
            },
            34.0,
        ),
        ([{"error": {"details": [{"retryDelay": "34.074824224s"}]}}], 34.074824224),
        ({"error": {"details": [{"retryDelay": {"seconds": 5}}]}}, 5.0),
        ({"error": {"resets_at": WALL + 529498, "resets_in_seconds": 529498}}, 529498.0),
        ({"error": {"type": "usage_limit_reached", "resets_at": int(WALL) + 100}}, 100.0),
        ({"detail": "no", "resets_in_seconds": 9}, 9.0),
        (
            {
                "error": {
                    "metadata": {
                        "headers": {
                            "X-RateLimit-Limit": "50",
                            "X-RateLimit-Remaining": "0",
                            "X-RateLimit-Reset": f"{WALL + 70:.0f}000",
                        }
                    }
                }
            },
            70.0,
        ),
        ({"error": {"details": "none", "metadata": 7, "resets_at": True}}, None),
        ({"error": {"resets_in_seconds": 10**400}}, None),
        ("text", None),
        ([], None),
        (None, None),
    ],
)
def test_bodies(body: object, seconds: float | None):
    assert body_says(body) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limit reached. Please try again in 20s. Visit the docs.", 20.0),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 6ms.", 0.006),
        ("Requests have exceeded the limit. Please retry after 18 seconds.", 18.0),
        ("Please retry in 37.82626638s.", 37.82626638),
        ("max RPM: 3, please try again after 1 seconds", 1.0),
        ("Try again in 5 minutes", 300.0),
        ("try again in 1 hour and 5 minutes", 3900.0),
        ("Wait for 250 milliseconds", 0.25),
        ("Usage limit reached. Your limit will reset at 2026-03-01 20:00:30", 30.0),
        ("已达到 5 小时的使用上限。您的限额将在 2026-03-01 20:00:30 重置。", 30.0),
        ("usage limit reached, resets at 2026-03-01T12:10:00Z (2056)", 600.0),
        (f"Claude AI usage limit reached|{WALL + 77:.0f}", 77.0),
        ("Please try again later.", None),
        ("Limit 30000, Requested 31538", None),
        ("try again in a while", None),
    ],
)
def test_words(message: str, seconds: float | None):
    assert message_says(message) == pytest.approx(seconds)
    assert body_says({"error": message}) == pytest.approx(seconds)


def test_the_cap_is_the_callers():
    assert earliest_retry({"retry-after": "3600"}, None, WALL, cap=60) == 60


@given(seconds=st.integers(1, int(LONGEST)))
def test_retry_after_is_exact(seconds: int):
    date = format_datetime(datetime.fromtimestamp(WALL + seconds, UTC), usegmt=True)
    assert headers_say(retry_after=str(seconds)) == seconds
    assert headers_say(retry_after=date) == seconds
    assert headers_say(retry_after_ms=str(seconds * 1000)) == seconds
    assert body_says({"error": {"details": [{"retryDelay": f"{seconds}s"}]}}) == seconds
    assert message_says(f"Please try again in {seconds}s") == seconds


names = st.sampled_from(
    [
        "retry-after",
        "retry-after-ms",
        "x-ratelimit-reset",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-unified-reset",
        "anthropic-ratelimit-tokens-reset",
        "x-codex-primary-reset-after-seconds",
        "x-codex-primary-used-percent",
        "ratelimit",
    ]
)
values = st.one_of(
    st.text(max_size=30),
    st.text("0123456789-:TZ.mshd ;=rt+e", max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
)
words = st.sampled_from(
    ["error", "message", "details", "retryDelay", "resets_at", "resets_in_seconds", "metadata",
     "headers", "x-ratelimit-reset", "seconds"]
)  # fmt: skip
bodies = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(
    headers=st.dictionaries(names, values, max_size=5),
    body=bodies,
    wall=st.floats(0, 4e9),
    limits=st.booleans(),
)
@example(headers={"retry-after": "9" * 400}, body=None, wall=0.0, limits=True)
@example(headers={"retry-after": "0001-01-01T00:00:00+23:59"}, body=None, wall=0.0, limits=True)
def test_garbage_is_none_or_a_span(headers: dict[str, str], body: Any, wall: float, limits: bool):
    found = earliest_retry(headers, body, wall, cap=100.0, limits=limits)
    assert found is None or 0 <= found <= 100
