"""The keys of usage records, prices and subscriptions."""

from decimal import Decimal

import pytest

from switchyard.config import usage
from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config
from tests.support.runtime import FILE

SMALLEST = "providers: [{name: p, base-url: 'https://p.example', api-key: k, models: [m]}]\n"


def load(text: str) -> Config:
    return parse_config((SMALLEST + text).encode(), FILE, {})


def test_records_are_kept_unless_they_are_off() -> None:
    kept = load("").usage
    assert kept is not None and kept.dir is None and kept.max_size == 2_000_000_000
    assert kept.keep == pytest.approx(13 * 365.25 / 12 * 86_400)
    for off in ("off", "'off'", "false"):
        assert load(f"usage: {off}\n").usage is None


def test_where_and_how_long() -> None:
    kept = load("usage: {dir: /var/lib/switchyard, keep: 2mo, max-size: 500MB}\n").usage
    assert kept is not None and kept.dir == "/var/lib/switchyard"
    assert (kept.keep, kept.max_size) == (2 * 2_629_800.0, 500_000_000)


def test_a_server() -> None:
    kept = load("usage: {server: 'postgresql://me:secret@db.example/usage'}\n").usage
    assert kept is not None and kept.server is not None
    assert "secret" not in repr(kept)
    kept = load("usage: {server: 'postgresql://db.example/usage', keep: 1mo}\n").usage
    assert kept is not None and kept.keep == 2_629_800.0
    kept = load("usage: postgresql://db.example/usage\n").usage
    assert kept is not None and kept.server is not None


def test_a_server_without_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_LIBRARIES", ("sqlalchemy", "no_such_library"))
    with pytest.raises(ConfigError) as caught:
        load("usage: {server: 'postgresql://db.example/usage'}\n")
    assert "needs no_such_library; install switchyard[postgres]" in str(caught.value)


def test_prices_are_exact() -> None:
    (rule,) = load(
        "prices: [{models: ['a-*'], input: 0.1, output: '$0.30', cache-write-1h: 1}]\n"
    ).prices
    assert (rule.input, rule.output) == (Decimal("0.1"), Decimal("0.30"))
    assert rule.cache_write_1h == 1 and rule.cache_read is None
    assert rule.models.matches("a-1") and not rule.models.matches("b")


def test_subscriptions() -> None:
    plan, other = load("subscriptions: [{host: a.example, fee: 200 USD}, "
                       "{provider: p, fee: 20, every: year}]\n").subscriptions  # fmt: skip
    assert (plan.host, plan.fee, plan.every) == ("a.example", "200 USD", "month")
    assert (other.provider, other.fee, other.every) == ("p", "20 USD", "year")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("usage: sqlite\n", "usage: must be off, a mapping, or the URL of a server"),
        ("usage: {server: 'mysql://x'}\n", "usage.server: must begin with postgresql://"),
        ("usage: {keep: long}\n", "usage.keep: 'long' is not a duration"),
        ("prices: [{input: free, output: 1}]\n", "must be a number of US dollars"),
        ("prices: [{input: -1, output: 1}]\n", "must be a number of US dollars"),
        ("prices: [{output: 1}]\n", "prices[0].input: is required"),
        ("subscriptions: [{host: a.example, fee: much}]\n", "must be an amount and a currency"),
        ("subscriptions: [{fee: 20}]\n", "must have either a provider or a host"),
        ("subscriptions: [{fee: 20, provider: p, host: h}]\n", "either a provider or a host"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert problem in str(caught.value)
