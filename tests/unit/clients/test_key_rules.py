"""Which limits a request of a key and a model has to fit into."""

import pytest

from switchyard.clients.key_limits import parts_of
from switchyard.clients.key_rules import KeyRules
from switchyard.clients.key_table import KeyTable
from switchyard.config.client_keys import ClientSettings
from switchyard.state.shared.protocol import Calendar
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import Sliding


def rules(**members: object) -> tuple[KeyRules, KeyTable]:
    settings = ClientSettings.model_validate(members)
    table = KeyTable(settings)
    return KeyRules(settings, table), table


def counters(limits: tuple[Limit, ...]) -> list[str]:
    return [one.counter for one in limits]


def test_a_key_has_its_own_limits_those_of_the_model_and_the_routers() -> None:
    one = {
        "key": "secret-one",
        "name": "ann",
        "limits": {"requests": ["5/m", "9/m", "100/d"]},
        "per-model": [{"models": ["*opus*"], "budgets": {"week": "5 USD"}}],
    }
    made, table = rules(**{"api-keys": [one], "concurrency": 7, "week-starts": "sunday"})
    key = table.find("secret-one")
    plain, opus = made.of(key, "haiku"), made.of(key, "claude-opus-5")
    assert plain is not None and opus is not None and made.of(key, "haiku") is plain
    own = ["ann|requests|60s", "ann|requests|86400s"]
    assert counters(plain.limits) == [*own, "router|slots"]
    assert counters(opus.limits) == [*own, "ann/*opus*|money|week", "router|slots"]
    assert plain.limits[0].most == 5 and plain.limits[0].period == Sliding(60)
    assert opus.limits[2].period == Calendar("week", "UTC", 6)
    assert counters(made.all_of(key)) == [*own, "ann/*opus*|money|week"] if key else False


def test_budgets_may_roll_but_a_total_never_begins_anew() -> None:
    one = {"key": "k-e-y-1", "name": "a", "budgets": {"rolling": True, "month": 3, "total": 9}}
    made, table = rules(**{"api-keys": [one]})
    rule = made.of(table.find("k-e-y-1"), "m")
    assert rule is not None and rule.has_money and rule.most_money == 3_000_000_000
    assert [one.period for one in rule.limits] == [Sliding(30 * 86_400), Calendar("total")]


def test_without_budgets_nothing_is_refused_for_money_and_the_same_is_counted() -> None:
    one = {"key": "k-e-y-1", "budgets": {"day": 3}, "limits": {"requests": "1/m"}}
    made, table = rules(**{"api-keys": [one]})
    rule = made.of(table.find("k-e-y-1"), "m")
    assert rule is not None
    spare = rule.without_budgets
    assert counters(spare.limits) == counters(rule.limits)
    assert [one.most for one in spare.limits] == [1, 2**53 - 1]


def test_no_limits_no_rule() -> None:
    made, table = rules(**{"api-keys": ["plain-key"]})
    key = table.find("plain-key")
    assert made.of(key, "m") is None and made.of(None, "m") is None
    assert key is not None and made.known(key) is key
    assert made.known(key.model_copy()) is None


def test_keys_of_the_same_name_are_counted_apart_and_no_secret_is_in_a_counter() -> None:
    limits = {"requests": "1/m"}
    keys = [{"key": f"secret-key-{n}", "name": name, "limits": limits}
            for n, name in enumerate(["twin", "twin", "", "router"])]  # fmt: skip
    made, table = rules(**{"api-keys": keys})
    found = [rule.limits[0].counter for key in table if (rule := made.of(key, "m"))]
    assert len(set(found)) == 4 and "router|requests|60s" not in found
    assert not any("secret" in counter for counter in found)


def test_names_with_marks_of_counters_are_told_apart() -> None:
    limits = {"requests": "1/m"}
    team = {
        "key": "secret-key-1",
        "name": "team",
        "per-model": [{"models": ["ann"], "limits": limits}],
    }
    keys = [team, *({"key": f"secret-key-{name}", "name": name, "limits": limits}
                    for name in ("team/ann", "team%2Fann", "team|requests", "team#1"))]  # fmt: skip
    made, table = rules(**{"api-keys": keys})
    found = [one.counter for key in table if (rule := made.of(key, "ann")) for one in rule.limits]
    assert len(set(found)) == 5
    assert [parts_of(made.all_of(key)[0].key)[0] for key in table] == [one["name"] for one in keys]
    assert parts_of(made.all_of(next(iter(table)))[0].key) == ("team", "ann")


@pytest.mark.parametrize(
    "model", ["up/opus", "up//opus", "up/opus(high)", "up/OPUS", "up/ｏｐｕｓ"]
)
def test_limits_of_models_hold_for_every_spelling(model: str) -> None:
    per_model = [{"models": ["up/opus"], "limits": {"requests": "1/m"}}]
    made, table = rules(**{"api-keys": [{"key": "k-e-y-1", "per-model": per_model}]})
    key = table.find("k-e-y-1")
    assert made.of(key, model) is not None and made.of(key, "up/opus-mini") is None


def test_a_shadow_limit_is_a_counter_of_its_own() -> None:
    one = {"key": "k-e-y-1", "name": "a", "enforce": False, "limits": {"tokens": "5/h"}}
    made, table = rules(**{"api-keys": [one]})
    rule = made.of(table.find("k-e-y-1"), "m")
    assert rule is not None and counters(rule.limits) == ["a|tokens|3600s|shadow"]
    assert rule.most_tokens is None
