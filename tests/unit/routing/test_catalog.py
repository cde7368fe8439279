"""Which plan a requested name leads to."""

import pytest

from switchyard.config.names import split_suffix
from switchyard.config.provider import Provider
from switchyard.routing.catalog import Catalog
from switchyard.routing.catalog import ModelNotAllowed
from switchyard.routing.catalog import UnknownModel
from switchyard.routing.plans import Plan
from switchyard.values.globs import Globs
from tests.unit.config.loading import catalog

TEXT = """
    providers:
      - name: cc
        base-url: https://cc.example
        models:
          - {name: claude-opus-4-6, context-window: 200k}
          - {name: claude-haiku-4-5, alias: [haiku, small]}
      - name: glm
        base-url: https://glm.example
        models: [{name: glm-4.7, alias: small, context-window: 128k}, "glm-4.7-vision", shared]
        excluded-models: ["*-VISION"]
      - {name: openrouter, prefix: or, base-url: "https://or.example", excluded-models: ["*:free"]}
      - name: local
        prefix: my
        base-url: http://local.example
        models: [shared, {name: "qwen3:30b", alias: qwen}, "odd(name)"]
    combos:
      stack: [cc/claude-opus-4-6, small, or/qwen/qwen3]
      nested: [glm/glm-4.7, stack, local/shared]
      spread: {members: [stack, shared], strategy: weighted, hedge-after: 2s,
               continue-streams: true, wait-for-recovery: 20s}
      balanced: {members: [glm/glm-4.7, my/shared], strategy: least-busy}
      around: [balanced, cc/claude-haiku-4-5]
      high: ["glm/glm-4.7(high)", "glm-4.7", "or/x(low)"]
      through: [passthrough, glm/glm-4.7]
    aliases:
      fast: glm/glm-4.7
      alias-of-combo: spread
      either: [small, or/z]
      loud: "fast(max)"
    routes:
      - {pattern: "^gpt-", provider: openrouter}
      - {pattern: "turbo", provider: my, model: qwen}
      - {pattern: "^gpt-|^any/", provider: glm}
    intercept:
      api.example.com: [passthrough, fast]
"""


@pytest.fixture(scope="module")
def names() -> Catalog:
    return catalog(TEXT)


def flat(plan: Plan) -> list[str]:
    return [f"{target.provider.name}:{target.model}" for target in plan.targets]


def grouped(plan: Plan) -> list[list[str]]:
    return [[f"{one.provider.name}:{one.model}" for one in pool.targets] for pool in plan.members]


@pytest.mark.parametrize(
    ("asked", "kind", "rule", "targets"),
    [
        ("glm/glm-4.7", "model", "provider glm", ["glm:glm-4.7"]),
        ("glm/small", "model", "provider glm", ["glm:glm-4.7"]),
        ("cc/haiku", "model", "provider cc", ["cc:claude-haiku-4-5"]),
        ("my/qwen", "model", "provider local", ["local:qwen3:30b"]),
        ("local/qwen", "model", "provider local", ["local:qwen3:30b"]),
        ("my/qwen3:30b", "model", "provider local", ["local:qwen3:30b"]),
        ("or/qwen/qwen3", "model", "provider openrouter", ["openrouter:qwen/qwen3"]),
        ("openrouter/a/b/c", "model", "provider openrouter", ["openrouter:a/b/c"]),
        ("claude-opus-4-6", "model", "model claude-opus-4-6", ["cc:claude-opus-4-6"]),
        ("small", "pool", "model small", ["cc:claude-haiku-4-5", "glm:glm-4.7"]),
        ("shared", "pool", "model shared", ["glm:shared", "local:shared"]),
        ("fast", "alias", "alias fast", ["glm:glm-4.7"]),
        ("gpt-5", "route", 'route "^gpt-"', ["openrouter:gpt-5"]),
        ("model-turbo-1", "route", 'route "turbo"', ["local:qwen3:30b"]),
        ("any/thing", "route", 'route "^gpt-|^any/"', ["glm:any/thing"]),
        ("odd(name)", "model", "model odd(name)", ["local:odd(name)"]),
        (
            "stack",
            "combo",
            "combo stack",
            [
                "cc:claude-opus-4-6",
                "cc:claude-haiku-4-5",
                "glm:glm-4.7",
                "openrouter:qwen/qwen3",
            ],
        ),
    ],
)
def test_rules(names: Catalog, asked: str, kind: str, rule: str, targets: list[str]) -> None:
    plan = names.resolve(asked)
    assert (plan.name, plan.base, plan.suffix) == (asked, asked, None)
    assert (plan.kind, plan.rule, flat(plan)) == (kind, rule, targets)


def test_members_of_a_combo_are_pools_in_order(names: Catalog) -> None:
    plan = names.resolve("stack")
    assert grouped(plan) == [
        ["cc:claude-opus-4-6"],
        ["cc:claude-haiku-4-5", "glm:glm-4.7"],
        ["openrouter:qwen/qwen3"],
    ]
    assert [pool.name for pool in plan.members] == ["cc/claude-opus-4-6", "small", "or/qwen/qwen3"]
    assert {pool.strategy for pool in plan.members} == {"round-robin"}
    assert (plan.strategy, plan.hedge_after) == ("fill-first", None)
    assert (plan.continue_streams, plan.wait_for_recovery) == (False, None)


def test_a_combo_in_a_combo_keeps_its_order_and_nothing_is_there_twice(names: Catalog) -> None:
    assert grouped(names.resolve("nested")) == [
        ["glm:glm-4.7"],
        ["cc:claude-opus-4-6"],
        ["cc:claude-haiku-4-5"],
        ["openrouter:qwen/qwen3"],
        ["local:shared"],
    ]


def test_the_settings_in_force_are_those_of_the_combo_that_was_asked_for(names: Catalog) -> None:
    plan = names.resolve("spread")
    assert (plan.strategy, plan.hedge_after) == ("weighted", 2)
    assert (plan.continue_streams, plan.wait_for_recovery) == (True, 20)
    assert [pool.name for pool in plan.members][-1] == "shared"


def test_an_inner_combo_with_a_strategy_of_its_own_stays_together(names: Catalog) -> None:
    plan = names.resolve("around")
    assert grouped(plan) == [["glm:glm-4.7", "local:shared"], ["cc:claude-haiku-4-5"]]
    assert [pool.strategy for pool in plan.members] == ["least-busy", "round-robin"]
    assert (plan.members[0].name, plan.strategy) == ("balanced", "fill-first")


def test_an_alias_of_one_thing_is_that_thing(names: Catalog) -> None:
    alias, combo = names.resolve("alias-of-combo"), names.resolve("spread")
    assert (alias.name, alias.kind, alias.rule) == (
        "alias-of-combo",
        "alias",
        "alias alias-of-combo",
    )
    assert alias.members == combo.members
    assert (alias.strategy, alias.hedge_after) == ("weighted", 2)


def test_an_alias_of_several_things_is_one_pool(names: Catalog) -> None:
    (pool,) = names.resolve("either").members
    assert pool.strategy == "round-robin"
    assert [one.model for one in pool.targets] == ["claude-haiku-4-5", "glm-4.7", "z"]


def test_targets_know_their_context_window(names: Catalog) -> None:
    assert [one.context_window for one in names.resolve("stack").targets] == [
        200_000,
        None,
        128_000,
        None,
    ]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("model(high)", ("model", "high")),
        ("model(8192)", ("model", "8192")),
        ("a/b:c(auto)", ("a/b:c", "auto")),
        ("model( high )", ("model", "high")),
        ("model(a)(b)", ("model(a)", "b")),
        ("model", ("model", None)),
        ("model()", ("model()", None)),
        ("model( )", ("model( )", None)),
        ("(high)", ("(high)", None)),
        ("model(high", ("model(high", None)),
        ("model(high) ", ("model(high) ", None)),
        ("", ("", None)),
    ],
)
def test_suffixes_are_split_off(name: str, parts: tuple[str, str | None]) -> None:
    assert split_suffix(name) == parts


@pytest.mark.parametrize("base", ["stack", "fast", "glm/glm-4.7", "small", "gpt-5", "or/x/y"])
def test_a_suffix_is_carried_in_the_plan(names: Catalog, base: str) -> None:
    plan = names.resolve(f"{base}(high)")
    assert (plan.name, plan.base, plan.suffix) == (f"{base}(high)", base, "high")
    assert plan.targets == names.resolve(base).targets


def test_a_model_whose_own_name_has_brackets_is_found_first(names: Catalog) -> None:
    assert names.resolve("odd(name)").suffix is None
    assert names.resolve("odd(name)(low)").suffix == "low"


def test_suffixes_of_members_stay_with_their_targets(names: Catalog) -> None:
    targets = names.resolve("high").targets
    assert [(one.model, one.suffix) for one in targets] == [
        ("glm-4.7", "high"),
        ("glm-4.7", None),
        ("x", "low"),
    ]
    assert [one.suffix for one in names.resolve("loud").targets] == ["max"]


def test_passthrough_is_a_target_of_its_own_kind(names: Catalog) -> None:
    first, second = names.resolve("through").targets
    assert (first.kind, first.provider.name, first.model) == ("passthrough", "passthrough", "")
    assert first.provider.credentials == "forward" and first.provider.base_url is None
    assert second.kind == "model"
    assert names.resolve("passthrough").targets == (first,)


def test_intercepted_hosts(names: Catalog) -> None:
    plan = names.intercepted("API.example.com")
    assert plan and plan.rule == "intercept api.example.com"
    assert flat(plan) == ["passthrough:", "glm:glm-4.7"]
    assert names.intercepted("other.example.com") is None


def test_every_name_is_listed_once_and_in_order(names: Catalog) -> None:
    assert [one.name for one in names.names()] == [
        "stack",
        "nested",
        "spread",
        "balanced",
        "around",
        "high",
        "through",
        "fast",
        "alias-of-combo",
        "either",
        "loud",
        "cc/claude-opus-4-6",
        "cc/haiku",
        "cc/small",
        "cc/claude-haiku-4-5",
        "glm/small",
        "glm/glm-4.7",
        "glm/shared",
        "my/shared",
        "my/qwen",
        "my/qwen3:30b",
        "my/odd(name)",
        "claude-opus-4-6",
        "haiku",
        "small",
        "claude-haiku-4-5",
        "glm-4.7",
        "shared",
        "qwen",
        "qwen3:30b",
        "odd(name)",
    ]


def test_names_tell_their_owner_and_window(names: Catalog) -> None:
    listed = {one.name: one for one in names.names()}
    assert listed["glm/glm-4.7"].owner == "glm"
    assert listed["glm/glm-4.7"].context_window == 128_000
    assert (listed["fast"].owner, listed["fast"].kind) == ("glm", "alias")
    assert (listed["small"].owner, listed["small"].context_window) == ("switchyard", None)


@pytest.mark.parametrize(
    "name",
    ["glm/glm-4.7-vision", "glm-4.7-vision", "or/model:free", "or/MODEL:FREE", "or/", "or", "/x"],
)
def test_what_is_excluded_or_no_model_does_not_exist(names: Catalog, name: str) -> None:
    with pytest.raises(UnknownModel):
        names.resolve(name)


@pytest.mark.parametrize(
    ("name", "near", "said"),
    [
        ("stak", ("stack",), "There is no model 'stak'. Similar names: stack. GET /v1/models"),
        ("glm/glm-4.8", ("glm/glm-4.7", "glm-4.7"), "There is no model 'glm/glm-4.8'."),
        ("GLM-4.7", ("glm-4.7", "glm/glm-4.7"), "There is no model 'GLM-4.7'."),
        ("stack(high) ", ("stack",), "There is no model 'stack(high) '."),
        ("glm/glm-4.7-vision", ("glm/glm-4.7", "glm-4.7"), "is excluded at glm."),
        (
            "nobody/zzzzzz",
            (),
            "There is no model 'nobody/zzzzzz'. Any model may be asked of or/.... GET /v1/models",
        ),
        ("", (), "There is no model ''. GET /v1/models"),
    ],
)
def test_an_unknown_name_is_answered_with_near_ones(
    names: Catalog, name: str, near: tuple[str, ...], said: str
) -> None:
    with pytest.raises(UnknownModel) as caught:
        names.resolve(name)
    assert caught.value.name == name
    assert caught.value.near[: len(near)] == near
    assert len(caught.value.near) <= 5
    assert bool(near) == bool(caught.value.near)
    assert said in str(caught.value)


def test_a_very_long_name_is_refused_without_being_repeated(names: Catalog) -> None:
    with pytest.raises(UnknownModel) as caught:
        names.resolve("or/" + "x" * 100_000)
    assert len(str(caught.value)) < 500


def test_a_client_key_asks_for_its_own_models_only(names: Catalog) -> None:
    allowed = Globs(["glm/*", "stack"])
    assert names.resolve("glm/glm-4.7", allowed).targets
    assert names.resolve("stack(high)", allowed).suffix == "high"
    assert [one.name for one in names.names(allowed)] == [
        "stack",
        "glm/small",
        "glm/glm-4.7",
        "glm/shared",
    ]
    with pytest.raises(ModelNotAllowed, match="This key may not use the model") as caught:
        names.resolve("glm-4.7", allowed)
    assert set(caught.value.near) <= {"stack", "glm/small", "glm/glm-4.7", "glm/shared"}
    with pytest.raises(UnknownModel) as unknown:
        names.resolve("haikuu", allowed)
    assert not isinstance(unknown.value, ModelNotAllowed)
    assert "haiku" not in unknown.value.near


def test_a_provider_that_lists_nothing_has_nothing() -> None:
    names = catalog("providers: [{name: a, base-url: 'http://a', models: []}]")
    with pytest.raises(UnknownModel):
        names.resolve("a/x")


def test_a_combo_may_have_the_name_of_the_model_it_backs_up() -> None:
    names = catalog(
        """
        providers:
          - {name: a, base-url: "http://a", models: [opus]}
          - {name: b, base-url: "http://b"}
        combos: {opus: [a/opus, b/other]}
        """
    )
    assert flat(names.resolve("opus")) == ["a:opus", "b:other"]
    assert flat(names.resolve("a/opus")) == ["a:opus"]
    assert [one.name for one in names.names()] == ["opus", "a/opus"]


def test_a_providers_own_names_come_before_another_ones_that_look_alike() -> None:
    names = catalog(
        """
        providers:
          - {name: openai, base-url: "http://a"}
          - {name: qwen, base-url: "http://b", models: [qwen3]}
          - {name: or, base-url: "http://c", models: [openai/gpt-5, qwen/qwen3, qwen/other]}
        """
    )
    assert flat(names.resolve("openai/gpt-5")) == ["openai:gpt-5"]
    assert flat(names.resolve("or/openai/gpt-5")) == ["or:openai/gpt-5"]
    assert flat(names.resolve("qwen/qwen3")) == ["qwen:qwen3"]
    assert flat(names.resolve("qwen/other")) == ["or:qwen/other"]


def test_a_route_whose_provider_is_not_live_leaves_the_name_to_the_next() -> None:
    text = """
        providers:
          - {name: a, optional: true, base-url: "http://a", api-key: "${KEY}"}
          - {name: b, base-url: "http://b"}
        routes: [{pattern: "^gpt-", provider: a}, {pattern: "^gpt-", provider: b, model: m}]
    """
    assert flat(catalog(text, {"KEY": "k"}).resolve("gpt-5")) == ["a:gpt-5"]
    assert flat(catalog(text).resolve("gpt-5")) == ["b:m"]


TIERS = """
    providers:
      - {name: a, base-url: https://a.example/v1, models: [m, small]}
      - {name: off, optional: true, base-url: https://off.example/v1, api-key: "${NOT_SET}"}
    combos:
      net: {members: [a/m, a/small], wait-for-recovery: 9s}
    intercept:
      api.one.example:
        members: [passthrough, a/m]
        hedge-after: 2s
        return: never
        models:
          "*haiku*": [passthrough, a/small]
          "*-opus-*": {members: [a/m], hedge-after: 5s, return: at-once}
      api.two.example: net
      api.three.example:8443: [off/x]
      api.four.example: {models: {"x*": [a/m]}}
"""


def test_a_tier_goes_to_its_own_members() -> None:
    tiers = catalog(TIERS)

    def way(host: str, model: str, port: int = 443) -> tuple[list[str], float | None]:
        plan = tiers.intercepted(host, port, model)
        assert plan is not None and (plan.name, plan.base) == (model, model)
        return flat(plan), plan.hedge_after or plan.wait_for_recovery

    def returns(host: str, model: str) -> str:
        plan = tiers.intercepted(host, 443, model)
        assert plan is not None
        return plan.returns

    one = "api.one.example"
    assert returns(one, "claude-sonnet-4-5") == returns(one, "claude-haiku-4-5") == "never"
    assert returns(one, "claude-opus-4-6") == "at-once"
    assert returns("api.two.example", "gpt-9") == "when-cold"
    assert way(one, "claude-sonnet-4-5") == (["passthrough:", "a:m"], 2.0)
    assert way(one, "claude-HAIKU-4-5") == (["passthrough:", "a:small"], 2.0)
    assert way(one, "claude-opus-4-6") == (["a:m"], 5.0)
    assert way("api.two.example", "gpt-9") == (["a:m", "a:small"], 9.0)
    assert way("api.four.example", "y") == (["passthrough:"], None)
    assert way("api.four.example", "x1") == (["a:m"], None)
    # Where no member is live, its own destination is what is left.
    assert way("api.three.example", "gpt-9", 8443) == (["passthrough:"], None)
    assert tiers.intercepted("api.three.example", 443, "gpt-9") is None


def test_whether_others_than_the_destination_may_answer() -> None:
    tiers = catalog(TIERS)
    assert tiers.passes_through("api.one.example") == "sometimes"
    assert tiers.passes_through("api.four.example") == "sometimes"
    assert tiers.passes_through("api.three.example", 8443) == "always"
    assert tiers.passes_through("nobody.example") == "never"


def test_a_plan_goes_through_to_a_destination_or_without_it() -> None:
    plan = catalog(TIERS).intercepted("api.one.example", 443, "claude-x")
    assert plan is not None and plan.passes_through
    destination = Provider.model_construct(name="passthrough:api.one.example")
    settled = plan.through(destination, "claude-x")
    assert flat(settled) == ["passthrough:api.one.example:claude-x", "a:m"]
    assert settled.origin == destination.name
    assert flat(plan.through(None, "claude-x")) == ["a:m"]
