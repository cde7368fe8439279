"""Who is billed how, and where records go."""

from decimal import Decimal
from pathlib import Path

import pytest

from switchyard.config.load import parse_config
from switchyard.config.schema import Config
from switchyard.runtime.usage_rules import billing_of
from switchyard.runtime.usage_rules import place_of
from switchyard.runtime.usage_rules import plans_of
from switchyard.usage.plans import PaidPlan
from switchyard.usage.records import Billing
from tests.support.runtime import FILE


def config(provider: str, more: str = "") -> Config:
    text = f"providers: [{{name: p, models: [m], {provider}}}]\n{more}"
    return parse_config(text.encode(), FILE, {})


@pytest.mark.parametrize(
    ("provider", "billing"),
    [
        ("base-url: 'https://api.example', api-key: k", "per-token"),
        ("base-url: 'https://api.example', api-key: k, billing: plan", "plan"),
        ("base-url: 'http://127.0.0.1:8080/v1'", "free"),
        ("base-url: 'http://[::1]:8080/v1'", "free"),
        ("base-url: 'http://localhost:11434'", "free"),
        ("base-url: 'unix:/run/llm.sock'", "free"),
        ("base-url: 'http://localhost:4000', billing: per-token", "per-token"),
        ("base-url: 'http://10.0.0.7/v1'", "per-token"),
        ("builtin: demo", "free"),
    ],
)
def test_providers(provider: str, billing: Billing) -> None:
    assert billing_of(config(provider).providers[0]) == billing


@pytest.mark.parametrize(
    ("credential", "billing"),
    [
        ("sk-ant-oat01-abc", "plan"),
        ("eyJhbGciOi.J9.x", "plan"),
        ("gho_16C7e42F292c", "plan"),
        ("sk-ant-api03-abc", "per-token"),
        ("sk-proj-abc", "per-token"),
        ("AIzaSyA", "per-token"),
        (None, "per-token"),
    ],
)
def test_credentials_that_are_forwarded(credential: str | None, billing: Billing) -> None:
    provider = config("base-url: 'https://api.example', credentials: forward").providers[0]
    assert billing_of(provider, credential) == billing


def test_where_records_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    provider = "base-url: 'https://api.example', api-key: k"
    assert place_of(config(provider, "usage: off")) is None
    named = place_of(config(provider, f"usage: {{dir: '{tmp_path}', keep: 1d}}"))
    assert named is not None and named.folder == tmp_path and named.retention.seconds == 86_400
    monkeypatch.delenv("SWITCHYARD_USAGE_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    usual = place_of(config(provider))
    assert usual is not None and usual.folder == tmp_path / "switchyard" / "usage"


def test_subscriptions_are_plans() -> None:
    one, other = plans_of(
        config(
            "base-url: 'https://api.example', api-key: k",
            "subscriptions: [{provider: p, fee: 20.5 EUR}, {host: a.example, fee: 3, every: day}]",
        )
    )
    assert one == PaidPlan("p", None, Decimal("20.5"), "EUR", "month")
    assert other == PaidPlan(None, "a.example", Decimal(3), "USD", "day")
