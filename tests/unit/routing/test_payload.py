from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.routing.payload import PayloadRequest
from switchyard.routing.payload import PayloadRules
from switchyard.values.json_paths import Where
from switchyard.values.json_paths import parse_path
from tests.unit.config.loading import load
from tests.unit.config.loading import problems

HEAD = "providers: [{name: a, base-url: 'http://a'}]\npayload:\n"
BODY = {
    "model": "gpt-5",
    "temperature": 0.5,
    "nothing": None,
    "messages": [{"role": "system", "content": "be"}, {"role": "user", "content": "hi"}],
    "tools": [{"type": "function", "name": "f"}, {"type": "web_search", "max": 3}],
    "generationConfig": {"thinkingConfig": {"thinkingBudget": 5}, "topK": 1},
}


def rules(text: str) -> PayloadRules:
    return PayloadRules(load(HEAD + text).payload)


def request(**changed: Any) -> PayloadRequest:
    usual: dict[str, Any] = {
        "models": ("gpt-5", "my-alias"),
        "protocol": "openai-chat",
        "from_protocol": "anthropic",
        "headers": {"X-Tier": "tenant-7", "authorization": "Bearer s"},
    }
    return PayloadRequest(**{**usual, **changed})


def body_after(text: str, body: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    given = BODY if body is None else body
    before = deepcopy(given)
    after, _headers = rules(text).apply(given, request(**changed))
    assert given == before
    return after


def test_without_rules_there_is_nothing_to_apply() -> None:
    assert not rules("  default: []\n")
    assert not PayloadRules(load("providers: [{name: a, base-url: 'http://a'}]").payload)
    assert rules("  filter: [{params: [a]}]\n")


def test_defaults_set_only_what_is_absent() -> None:
    text = "  default: [{params: {temperature: 1, top_p: 0.9, nothing: 5, a.b.c: [1]}}]\n"
    after = body_after(text)
    assert after == {**BODY, "top_p": 0.9, "a": {"b": {"c": [1]}}}
    assert after["messages"] is BODY["messages"]


def test_the_first_default_and_the_last_override_hold() -> None:
    text = """
      default: [{params: {x: 1}}, {params: {x: 2}}]
      override: [{params: {y: 1}}, {params: {y: 2}}]
    """
    assert body_after(text, {}) == {"x": 1, "y": 2}


def test_a_default_never_goes_over_a_value_of_another_kind() -> None:
    text = "  default: [{params: {temperature.x: 1, nothing.x: 1}}]\n"
    assert body_after(text) == {**BODY, "nothing": {"x": 1}}


@pytest.mark.parametrize(
    ("path", "value", "after"),
    [
        ("temperature", "1", {"temperature": 1}),
        ("temperature.x", "1", {"temperature": {"x": 1}}),
        ("a\\.b", "1", {"a.b": 1}),
        ("0", "1", {"0": 1}),
        ("messages.1.content", "yes", {"messages": [BODY["messages"][0],
                                                   {"role": "user", "content": "yes"}]}),
        ("messages.-1", "{role: user}", {"messages": [*BODY["messages"], {"role": "user"}]}),
        ("messages.2", "x", {"messages": [*BODY["messages"], "x"]}),
        ("messages.7", "x", {}),
        ("messages.role", "x", {}),
        ("new.0.a", "1", {"new": [{"a": 1}]}),
        ("new.-1", "1", {"new": [1]}),
        ('tools.#(type=="web_search").max', "9",
         {"tools": [BODY["tools"][0], {"type": "web_search", "max": 9}]}),
        ('tools.#(max==3).max', "9",
         {"tools": [BODY["tools"][0], {"type": "web_search", "max": 9}]}),
        ('tools.#(type=="none").max', "9", {}),
        ('temperature.#(type=="none")', "9", {}),
    ],
)  # fmt: skip
def test_overrides(path: str, value: str, after: dict[str, Any]) -> None:
    assert body_after(f"  override: [{{params: {{'{path}': {value}}}}}]\n") == {**BODY, **after}


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("temperature", {**{k: v for k, v in BODY.items() if k != "temperature"}}),
        ("generationConfig.thinkingConfig.thinkingBudget",
         {**BODY, "generationConfig": {"thinkingConfig": {}, "topK": 1}}),
        ("messages.0", {**BODY, "messages": BODY["messages"][1:]}),
        ("messages.1.content", {**BODY, "messages": [BODY["messages"][0], {"role": "user"}]}),
        ('tools.#(type=="web_search")', {**BODY, "tools": BODY["tools"][:1]}),
    ],
)  # fmt: skip
def test_filters(path: str, after: dict[str, Any]) -> None:
    assert body_after(f"  filter: [{{params: '{path}'}}]\n") == after


@pytest.mark.parametrize(
    "text",
    [
        "  filter: [{params: [absent, messages.9, messages.-1, temperature.x, a.b.c]}]\n",
        "  override: [{params: {temperature: 0.5, messages.0.role: system}}]\n",
        "  default: [{params: {model: other}}]\n",
    ],
)
def test_what_changes_nothing_gives_the_same_body(text: str) -> None:
    assert body_after(text) is BODY


def test_only_what_lies_on_the_path_is_copied() -> None:
    after = body_after("  override: [{params: {messages.0.content: new}}]\n")
    assert after["messages"][1] is BODY["messages"][1]
    assert after["tools"] is BODY["tools"]


def test_one_and_true_are_not_the_same() -> None:
    assert body_after("  override: [{params: {x: 1}}]\n", {"x": True})["x"] is not True
    held = "  override: [{models: [{match: [{x: 1}]}], params: {y: 2}}]\n"
    assert "y" not in body_after(held, {"x": True})
    assert "y" in body_after(held, {"x": 1})


@pytest.mark.parametrize(
    ("model", "holds"),
    [
        ("gpt-*", True),
        ("GPT-5", True),
        ("my-alias", True),
        ("{name: my-?lias}", True),
        ("gpt", False),
        ("{protocol: openai-chat}", True),
        ("{protocol: openai}", True),
        ("{protocol: claude}", False),
        ("{from-protocol: claude}", True),
        ("{from-protocol: anthropic, protocol: codex}", False),
        ("{headers: {x-tier: 'tenant-*'}}", True),
        ("{headers: {x-tier: 'other-*'}}", False),
        ("{headers: {x-other: '?*'}}", False),
        ("{match: [{temperature: 0.5}, {messages.0.role: system}]}", True),
        ("{match: {temperature: 0.5, messages.0.role: user}}", False),
        ("{match: [{absent: null}]}", False),
        ("{not-match: [{temperature: 0.6}]}", True),
        ("{not-match: [{temperature: 0.6}, {model: gpt-5}]}", False),
        ("{exist: [messages.1, 'tools.#(type==\"web_search\").max']}", True),
        ("{exist: nothing}", False),
        ("{exist: absent}", False),
        ("{not-exist: [nothing, absent]}", True),
        ("{not-exist: [temperature]}", False),
    ],
)
def test_conditions(model: str, holds: bool) -> None:
    headers = FoldedHeaders({"x-tier": "tenant-7"})
    text = f"  override: [{{models: [{model}], params: {{seen: true}}}}]\n"
    assert ("seen" in body_after(text, headers=headers)) == holds


class FoldedHeaders(dict[str, str]):
    """Headers found by a name in any case, as HTTP's are."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


def test_one_of_several_models_is_enough() -> None:
    text = "  override: [{models: [nothing, gpt-5], params: {seen: true}}]\n"
    assert body_after(text)["seen"] is True


def test_headers() -> None:
    text = """
      default: [{headers: {X-A: a, X-Copy: $x-tier, X-None: $x-absent}}]
      override: [{headers: {X-B: b}}, {models: [nothing], headers: {X-C: c}}]
      filter: [{headers: [X-D]}]
    """
    headers = FoldedHeaders({"x-tier": "tenant-7"})
    body, changes = rules(text).apply(BODY, request(headers=headers))
    assert body is BODY
    assert [(one.kind, one.name, one.value) for one in changes] == [
        ("default", "x-a", "a"),
        ("default", "x-copy", "tenant-7"),
        ("override", "x-b", "b"),
        ("filter", "x-d", None),
    ]


def test_paths() -> None:
    assert parse_path("a.0.b\\.c") == ("a", "0", "b.c")
    assert parse_path('t.#(type=="a.b").x') == ("t", Where("type", "a.b"), "x")
    assert parse_path("t.#(n==5)") == ("t", Where("n", 5))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "is a path that has an empty step"),
        ("a..b", "is a path that has an empty step"),
        ("a.", "is a path that has an empty step"),
        ("tools.#.type", "is a path that uses an unknown search"),
        ("a|b", "is a path that uses an unknown search"),
        ("t.#(a==b)", "is a path that compares with something that is not a JSON value"),
        ('t.#(a=="b")c', "is a path that has something other than a dot between two steps"),
    ],
)
def test_a_wrong_path_is_refused_at_the_start(path: str, said: str) -> None:
    for rule in (f"override: [{{params: {{'{path}': 1}}}}]", f"filter: [{{params: ['{path}']}}]"):
        (line,) = problems(f"{HEAD}  {rule}\n")
        assert "test.yaml:3: payload." in line and said in line


@pytest.mark.parametrize(
    "rule",
    [
        "filter: [{headers: [Content-Length]}]",
        "override: [{headers: {Host: other}}]",
        "override: [{headers: {X-Key: $Authorization}}]",
        "filter: [{headers: ['a b']}]",
    ],
)
def test_headers_that_are_not_for_rules_are_refused(rule: str) -> None:
    assert len(problems(f"{HEAD}  {rule}\n")) == 1


STEPS = st.sampled_from(["a", "b", "0", "1", "-1", "messages", "content"])
PATHS = st.lists(STEPS, min_size=1, max_size=4).map(".".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STEPS, inner, max_size=3),
    max_leaves=12,
)


@given(
    body=st.dictionaries(STEPS, JSON),
    kind=st.sampled_from(["default", "override", "filter"]),
    path=PATHS,
    value=JSON,
)
def test_any_rule_on_any_body(body: dict[str, Any], kind: str, path: str, value: Any) -> None:
    params = [path] if kind == "filter" else {path: value}
    config = load("providers: [{name: a, base-url: 'http://a'}]")
    payload = type(config.payload).model_validate({kind: [{"params": params}]})
    before = deepcopy(body)
    once, _headers = PayloadRules(payload).apply(body, request())
    assert body == before and isinstance(once, dict)
    if "-1" not in path and not (kind == "filter" and any(c.isdigit() for c in path)):
        assert PayloadRules(payload).apply(once, request())[0] is once
