from datetime import UTC
from datetime import datetime

import pytest

from switchyard.accounts.quota_calls import github_api
from switchyard.accounts.quota_calls import quota_url
from switchyard.accounts.quota_calls import read_copilot
from switchyard.accounts.quota_calls import read_kimi
from switchyard.accounts.quota_calls import read_openrouter
from switchyard.accounts.quota_calls import with_quota
from tests.unit.config.loading import load

NOW = 1_795_950_000.0
QUARTER = {"used": 1, "limit": 4}
KIMI = {
    "usage": {"used": "250", "limit": "1000", "resetTime": "2026-11-30T11:00:00Z"},
    "limits": [
        {
            "window": {"duration": 300, "timeUnit": "TIME_UNIT_MINUTE"},
            "detail": {"used": "60", "limit": "60", "resetTime": "2026-11-29T12:00:00Z"},
        },
        {
            "window": {"duration": 90, "timeUnit": "TIME_UNIT_MINUTE"},
            "detail": {"used": 1, "limit": 4},
        },
        {
            "window": {"duration": 1, "timeUnit": "TIME_UNIT_YEAR"},
            "detail": {"used": 1, "limit": 4},
        },
    ],
}


def test_kimis_windows_with_numbers_as_text() -> None:
    week, five, other = read_kimi(KIMI, NOW)
    assert (week.name, week.used, week.limit, week.remaining) == ("7d", 0.25, 1000, 750)
    assert week.resets_at == NOW + 86_400
    assert (five.name, five.used, five.remaining, five.left) == ("5h", 1.0, 0, 0.0)
    assert (other.name, other.resets_at) == ("90m", None)


def test_openrouters_limit_of_a_key() -> None:
    (window,) = read_openrouter({"data": {"limit": 20, "limit_remaining": 5.0}}, NOW)
    assert (window.name, window.used) == ("credits", 0.75)


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"usage": 5, "limits": 7}, {"usage": {"used": "x", "limit": 0}},
     {"limits": [None, {"window": {"duration": "x"}}]}, {"data": {"limit": None}}],
)  # fmt: skip
def test_what_says_nothing(document: object) -> None:
    assert read_kimi(document, NOW) == [] == read_openrouter(document, NOW)
    assert read_copilot(document, NOW) == []


def test_copilots_snapshots_of_a_month() -> None:
    snapshot = {"entitlement": 300, "remaining": 75, "percent_remaining": 25.0, "unlimited": False}
    snapshots = {
        "premium_interactions": snapshot,
        "chat": {"entitlement": 0, "percent_remaining": 100.0, "unlimited": True},
        "completions": {"entitlement": 0, "percent_remaining": 100.0, "unlimited": True},
    }
    document = {"quota_reset_date": "2026-12-01", "quota_snapshots": snapshots}
    premium, chat = read_copilot(document, NOW)
    assert (premium.name, premium.used, premium.limit) == ("premium_interactions", 0.75, 300)
    assert premium.remaining == 75
    assert premium.resets_at == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert (chat.name, chat.used, chat.status) == ("chat", None, "unlimited")


@pytest.mark.parametrize(
    ("base", "api"),
    [
        ("https://api.githubcopilot.com", "https://api.github.com"),
        ("https://api.business.githubcopilot.com", "https://api.github.com"),
        ("https://copilot-api.corp.ghe.com", "https://api.corp.ghe.com"),
        ("https://notgithubcopilot.com", "https://notgithubcopilot.com"),
        ("https://gateway.example/copilot", "https://gateway.example"),
    ],
)
def test_copilots_key_goes_to_github_alone_where_it_is_githubs(base: str, api: str) -> None:
    assert github_api(base) == api


def test_the_providers_that_are_asked() -> None:
    config = load(
        "providers: [{preset: kimi-code}, {preset: openrouter}, {preset: cline}]",
        {"KIMI_CODE_API_KEY": "k", "OPENROUTER_API_KEY": "k", "CLINE_API_KEY": "k"},
    )
    urls = [quota_url(provider, call) for provider, call in with_quota(config.providers)]
    assert urls == ["https://api.kimi.com/coding/v1/usages", "https://openrouter.ai/api/v1/key"]
