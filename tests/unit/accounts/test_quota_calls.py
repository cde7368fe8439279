from datetime import UTC
from datetime import datetime

import pytest

from switchyard.accounts.quota_calls import github_api
from switchyard.accounts.quota_calls import quota_url
from switchyard.accounts.quota_calls import read_copilot
from switchyard.accounts.quota_calls import read_kimi
from switchyard.accounts.quota_calls import read_kiro
from switchyard.accounts.quota_calls import read_openrouter
from switchyard.accounts.quota_calls import with_quota
from tests.unit.config.loading import load
from tests.unit.config.loading import problems

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
    assert read_copilot(document, NOW) == [] == read_kiro(document, NOW)


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


def test_kiros_limits_by_kind() -> None:
    agentic = {"resourceType": "AGENTIC_REQUEST", "currentUsage": 12, "usageLimit": 50,
               "currentUsageWithPrecision": 12.5, "usageLimitWithPrecision": 50.0}  # fmt: skip
    credit = {"resourceType": "CREDIT", "currentUsage": 2000, "usageLimit": 1000,
              "nextDateReset": 1.7985e9}  # fmt: skip
    none = {"resourceType": "NONE", "currentUsage": 0, "usageLimit": 0}
    document = {"nextDateReset": 1.7961e9, "usageBreakdownList": [agentic, credit, none, 3]}
    first, second = read_kiro(document, NOW)
    assert (first.name, first.used, first.limit, first.remaining) == (
        "agentic_request",
        0.25,
        50,
        37,
    )
    assert first.resets_at == 1.7961e9
    assert (second.name, second.used, second.remaining) == ("credit", 2.0, 0)
    assert second.resets_at == 1.7985e9
    older = {"limits": [{"type": "AGENTIC_REQUEST", "currentUsage": 5, "totalUsageLimit": 50}]}
    assert [(one.name, one.used) for one in read_kiro(older, NOW)] == [("agentic_request", 0.1)]


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


def test_kiro_is_asked_for_the_profile_of_an_organisation() -> None:
    arn = "arn:aws:codewhisperer:eu-central-1:123456789012:profile/ABC"
    config = load(
        f"accounts: {{kiro: {{preset: kiro, preview: true}}}}\n"
        f"providers: [{{preset: kiro, profile-arn: '{arn}'}}]",
        {"KIRO_REGION": "eu-central-1"},
    )
    ((provider, call),) = with_quota(config.providers)
    assert quota_url(provider, call) == (
        "https://q.eu-central-1.amazonaws.com/getUsageLimits?origin=CLI"
        "&resourceType=AGENTIC_REQUEST&profileArn=arn%3Aaws%3Acodewhisperer%3A"
        "eu-central-1%3A123456789012%3Aprofile%2FABC"
    )


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ("preset: kiro, profile-arn: ABC", "is no ARN of a profile"),
        (
            "preset: kiro, profile-arn: 'arn:aws:codewhisperer:eu-west-1:123456789012:profile/A'",
            "is of the region eu-west-1, and the base URL of another one",
        ),
        (
            "name: x, base-url: 'https://x.example/v1', "
            "profile-arn: 'arn:aws:codewhisperer:us-east-1:123456789012:profile/A'",
            "is for the format codewhisperer alone",
        ),
    ],
)
def test_wrong_profiles(members: str, told: str) -> None:
    accounts = "accounts: {kiro: {preset: kiro, preview: true}}\n"
    assert told in "\n".join(problems(f"{accounts}providers: [{{{members}}}]"))
