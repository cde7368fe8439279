"""Which plan a name would get, and why, without a request."""

import json
import time
from typing import get_args

import pytest

from switchyard.config.schema import Config
from switchyard.policy.failures import Verdict
from switchyard.policy.route import Strategy
from switchyard.policy.route import TargetKey
from switchyard.routing.catalog import Catalog
from switchyard.routing.explanation import Explanation
from switchyard.routing.explanation import client_key_named
from switchyard.routing.explanation import explain
from tests.support.runtime import make_runtime
from tests.unit.config.loading import load

TEXT = """
    clients:
      api-keys:
        - {key: key-of-alice-1, name: alice}
        - {key: key-of-bob-22, name: bob, models: ["glm/*", fast]}
        - {key: key-of-carol-3, name: carol, extends: few}
        - {key: key-of-dave-4, name: dave, providers: [glm], except: [opus]}
        - {key: key-of-erin-5, name: erin, blocked: true}
        - {key: key-of-finn-6, name: finn, expires: 2020-01-31}
      policies: {few: {models: [stack]}}
    providers:
      - name: cc
        format: anthropic
        base-url: https://cc.example
        strategy: fill-first
        api-key-entries: [sk-secret-one, sk-secret-two]
        models: [{name: claude-opus-4-6, alias: opus, context-window: 200k}, shared]
      - {name: glm, base-url: "https://glm.example/v1", api-key: sk-secret-three}
      - {name: mine, base-url: "https://mine.example", credentials: forward, models: [shared]}
      - {name: off, optional: true, base-url: "https://off.example", api-key: "${OFF_KEY}",
         models: [gone, shared]}
    combos:
      stack: {members: [cc/claude-opus-4-6, "glm/glm-4.7(high)", off/gone], hedge-after: 2s}
      outer: [stack, passthrough]
      lost: [off/gone]
    aliases: {fast: glm/glm-4.7-flash}
    routes: [{pattern: "^gpt-", provider: glm}]
    intercept: {api.example.com: [glm/glm-4.7]}
"""


@pytest.fixture(scope="module")
def config() -> Config:
    return load(TEXT)


def targets(found: Explanation) -> list[str]:
    return [
        f"{target.provider}:{target.model}" for member in found.members for target in member.targets
    ]


def asked(config: Config, model: str, client: str = "", host: str = "") -> Explanation:
    key = client_key_named(config.clients, client)
    assert bool(key) == bool(client)
    return explain(config, model, key, host=host)


@pytest.mark.parametrize(
    ("model", "kind", "expected", "why"),
    [
        ("stack", "combo", ["cc:claude-opus-4-6", "glm:glm-4.7"], "combo stack matches: 2 members"),
        ("fast", "alias", ["glm:glm-4.7-flash"], "alias fast matches"),
        ("opus", "model", ["cc:claude-opus-4-6"], "one provider has this model"),
        ("shared", "pool", ["cc:shared", "mine:shared"], "2 providers list it"),
        ("gpt-9", "route", ["glm:gpt-9"], 'route "^gpt-" matches'),
        ("glm/any", "model", ["glm:any"], "provider glm matches"),
        ("outer", "combo", ["cc:claude-opus-4-6", "glm:glm-4.7", "passthrough:"], "3 members"),
    ],
)
def test_the_rule_and_the_targets(
    config: Config, model: str, kind: str, expected: list[str], why: str
) -> None:
    found = asked(config, model)
    assert found.served
    assert (found.kind, targets(found)) == (kind, expected)
    assert why in found.why[0]
    assert Catalog(config).resolve(model).rule == found.rule


def test_a_target_has_what_a_request_would_meet(config: Config) -> None:
    found = asked(config, "stack(low)")
    first, second = (member.targets[0] for member in found.members)
    assert first.formats == ("anthropic",)
    assert (first.url, first.keys, first.key_order) == ("https://cc.example", 2, "in order")
    assert first.context_window == 200_000
    assert second.suffix == "high"
    assert found.settings == {"hedge-after": 2.0}
    assert "(low)" in found.why[1]
    assert asked(config, "shared").members[0].targets[1].forwards


def test_members_that_lead_nowhere_have_a_reason(config: Config) -> None:
    (left_out,) = asked(config, "outer").left_out
    assert left_out.name == "off/gone"
    assert "OFF_KEY" in left_out.why
    (share,) = asked(config, "shared").left_out
    assert share.name == "off/shared"
    assert "OFF_KEY" in share.why


def test_a_combo_without_any_live_member_says_which(config: Config) -> None:
    found = asked(config, "lost")
    assert not found.served
    assert any("off/gone" in step and "OFF_KEY" in step for step in found.why)


def test_an_unknown_name_has_similar_ones(config: Config) -> None:
    found = asked(config, "stak")
    assert not found.served
    assert "no model 'stak'" in found.why[0]
    assert "stack" in found.similar


def test_a_key_may_not_ask_for_each_model(config: Config) -> None:
    assert asked(config, "stack", "alice").served
    refused = asked(config, "stack", "bob")
    assert not refused.served
    assert "may not use" in refused.why[0]
    assert asked(config, "fast", "bob").served
    assert asked(config, "stack", "carol").served
    assert not asked(config, "fast", "carol").served


def test_settings_of_keys_count(config: Config) -> None:
    found = asked(config, "stack", "dave")
    assert targets(found) == ["glm:glm-4.7"]
    assert any(one.name == "cc/claude-opus-4-6" and "key" in one.why for one in found.left_out)
    assert not asked(config, "opus(high)", "dave").served
    nothing_left = asked(config, "cc/shared", "dave")
    assert not nothing_left.served
    assert "refused" in nothing_left.why[-1]
    assert "blocked" in asked(config, "stack", "erin").why[0]
    assert "2020-01-31" in asked(config, "stack", "finn").why[0]


def test_a_call_to_a_host_of_its_own(config: Config) -> None:
    found = asked(config, "whatever", host="api.example.com")
    assert targets(found) == ["glm:glm-4.7"]
    assert "intercept api.example.com" in found.rule
    assert not asked(config, "whatever", host="other.example.com").served


def test_the_text_is_for_people_and_the_json_for_programs(config: Config) -> None:
    found = asked(config, "outer", "alice")
    assert json.loads(json.dumps(found.as_json()))["members"][0]["targets"][0]["keys"] == 2
    text = found.as_text()
    assert text.splitlines()[0] == "client key: alice"
    assert "cc: claude-opus-4-6 | anthropic | https://cc.example | 2 keys in order" in text
    assert "glm: glm-4.7(high) | openai-chat | https://glm.example/v1 | 1 key" in text
    assert "left out: off/gone: " in text
    assert "secret" not in text + json.dumps(found.as_json())


def test_the_catalog_in_force_is_used(config: Config) -> None:
    other = load('{providers: [{name: other, base-url: "https://other.example", models: [one]}]}')
    assert targets(explain(config, "one", catalog=Catalog(other))) == ["other:one"]


@pytest.mark.parametrize("strategy", get_args(Strategy.__value__))
def test_every_order_has_words(strategy: str) -> None:
    config = load(
        "providers: [{name: a, base-url: 'https://a.example', models: [m], "
        f"strategy: {strategy}, api-key-entries: [sk-one-12345, sk-two-12345]}}]"
    )
    assert explain(config, "a/m").members[0].targets[0].key_order


def test_keys_that_cool_down_are_named_with_their_return() -> None:
    runtime = make_runtime()
    snapshot, health = runtime.snapshot, runtime.state.health

    def ask() -> Explanation:
        catalog, routes = snapshot.catalog, snapshot.routes
        return explain(snapshot.config, "stack", catalog=catalog, routes=routes, health=health)

    found = ask()
    assert found.usable == ("chat/m", "claude/c")
    assert "chat/m comes first" in found.reason
    keys = found.members[0].targets[0].credentials
    assert [(one.id, one.state, one.in_flight) for one in keys] == [
        ("chat#0", "open", 0),
        ("chat#1", "open", 0),
    ]
    now = time.monotonic()
    verdict = Verdict("quota", "key", announced=True, rule="status 429")
    for key in ("chat#0", "chat#1"):
        lease = health.begin(TargetKey("chat", key, "m"), now)
        health.report_failure(lease, verdict, now, 60.0)
    found = ask()
    assert found.usable == ("claude/c",)
    for key in found.members[0].targets[0].credentials:
        assert not key.usable and 0 < (key.returns_in or 0) <= 60


def test_without_a_running_router_nothing_is_known_of_cooldowns(config: Config) -> None:
    keys = asked(config, "stack").members[0].targets[0].credentials
    assert [(one.id, one.state, one.usable) for one in keys] == [
        ("cc#0", "unknown", True),
        ("cc#1", "unknown", True),
    ]


def test_no_key_has_an_empty_name(config: Config) -> None:
    assert client_key_named(config.clients, "") is None
    assert client_key_named(config.clients, "nobody") is None
