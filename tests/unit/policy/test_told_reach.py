"""How far a refusal reaches, where the provider says it."""

from typing import Any

import pytest

from switchyard.config.shipped import shipped_failures
from switchyard.policy.failures import FailureTable
from switchyard.policy.failures import Seen
from switchyard.policy.told_reach import is_daily
from switchyard.policy.told_reach import told_reach

TABLE = shipped_failures()
EXCEEDED = "You exceeded your current quota, please check your plan and billing details."


def google(*quotas: Any) -> dict[str, Any]:
    detail = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(quotas)}
    return {"error": {"code": 429, "message": EXCEEDED, "details": [detail]}}


PER_MODEL = {
    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    "quotaDimensions": {"model": "gemini-3-pro"},
}
PER_PROJECT = {"quotaId": "GenerateRequestsPerDayPerProject"}
NAMED = {"quotaId": "SomeQuota", "quotaDimensions": {"model": "x", "location": "global"}}
VERTEX = {"quotaMetric": "x/requests_per_minute_per_project_per_base_model", "quotaId": "q"}


@pytest.mark.parametrize(
    ("body", "reach"),
    [
        (google(PER_MODEL), "target"),
        ([google(PER_MODEL)], "target"),
        (google({**PER_MODEL, "quotaDimensions": "[MaxDepth]"}), "target"),
        (google(PER_PROJECT), "key"),
        (google(PER_MODEL, PER_PROJECT), "key"),
        (google(NAMED), "target"),
        (google(VERTEX), "target"),
        ({"error": {"details": [{"metadata": {"quota_limit": "PerDayPerProjectPerModel"}}]}},
         "target"),
        ({"error": {"details": [{"violations": [3, {}]}, 7]}}, None),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_googles_quotas(body: Any, reach: str | None):
    assert told_reach(body, EXCEEDED, {}) == reach


@pytest.mark.parametrize(
    ("message", "reach"),
    [
        ("Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM)", "target"),
        ("Rate limit reached for model `llama-3.3-70b` in organization `org_1`", "target"),
        ("Quota exceeded for metric: x, limit: 20, model: gemini-2.5-flash", "target"),
        ("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000", "target"),
        ("You've reached your Opus limit", "target"),
        ("You have hit the weekly limit for Sonnet", "target"),
        (EXCEEDED, None),
        ("Your credit balance is too low", None),
        ("This request would exceed your account's rate limit.", None),
    ],
)
def test_words(message: str, reach: str | None):
    assert told_reach({}, message, {}) == reach


@pytest.mark.parametrize(
    ("claim", "status", "reach"),
    [
        ("five_hour", "rejected", "key"),
        ("seven_day", "rejected", "key"),
        ("seven_day_opus", "rejected", "target"),
        ("seven_day", "allowed", None),
    ],
)
def test_windows_of_a_subscription(claim: str, status: str, reach: str | None):
    headers = {
        "anthropic-ratelimit-unified-representative-claim": claim,
        "anthropic-ratelimit-unified-status": status,
    }
    assert told_reach({}, "", headers) == reach


def test_quotas_of_a_day():
    assert is_daily(PER_PROJECT)
    assert is_daily({"quotaId": "requests_per_day"})
    assert not is_daily(PER_MODEL)


@pytest.mark.parametrize(
    ("reach", "scope", "cooldown"),
    [(None, "key", 600.0), ("key", "key", 600.0), ("target", "target", None)],
)
def test_no_more_rests_than_is_named(reach: Any, scope: str, cooldown: float | None):
    verdict = TABLE.classify(Seen(status=429, message=EXCEEDED, reach=reach))
    assert (verdict.cls, verdict.scope, verdict.cooldown) == ("quota", scope, cooldown)


def test_a_whole_project_rests_where_that_is_named():
    assert TABLE.classify(Seen(status=429, message="slow", reach="key")).scope == "key"


def test_what_is_no_quota_reaches_as_far_as_before():
    assert TABLE.classify(Seen(status=401, reach="target")).scope == "key"
    assert TABLE.classify(Seen(status=529, reach="key")).scope == "target"


def test_a_rule_of_the_configuration_decides_for_itself():
    own = FailureTable(TABLE.rules).extended([{"status": 429, "class": "quota", "scope": "key"}])
    assert own.classify(Seen(status=429, reach="target")).scope == "key"
