"""The shipped error table on the documented errors of providers, and the table's own rules."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from switchyard.policy.failures import CLASSES
from switchyard.policy.failures import KINDS
from switchyard.policy.failures import SCOPES
from switchyard.policy.failures import FailureTable
from switchyard.policy.failures import RuleError
from switchyard.policy.failures import Seen
from switchyard.policy.failures import Verdict

HERE = Path(__file__).parent
RULES = YAML(typ="safe", pure=True).load(HERE.parents[2] / "config" / "shipped" / "errors.yaml")[
    "rules"
]
TABLE = FailureTable.from_data(RULES)

HTML = "<!DOCTYPE html><html><head><title>Attention Required!</title></head></html>"
PLACES = {
    "openai": ("openai", "api.openai.com", "openai-chat"),
    "anthropic": ("cc", "api.anthropic.com", "anthropic"),
    "gemini": ("g", "generativelanguage.googleapis.com", "gemini"),
    "openrouter": ("or", "openrouter.ai", "openai-chat"),
    "glm": ("my-plan", "api.z.ai", "openai-chat"),
    "minimax": ("mm", "api.minimax.io", "openai-chat"),
    "mistral": ("m", "api.mistral.ai", "openai-chat"),
    "kimi": ("kimi", "api.moonshot.ai", "openai-chat"),
    "fireworks": ("fw", "api.fireworks.ai", "openai-chat"),
    "other": ("any", "llm.example", "openai-chat"),
}


def documented() -> list[tuple[Seen, str]]:
    by_place = YAML(typ="safe", pure=True).load(HERE.joinpath("documented_errors.yaml"))
    return [
        (seen_as(line, *PLACES[place]), line["means"])
        for place, lines in by_place.items()
        for line in lines
    ]


def seen_as(line: dict[str, Any], provider: str, host: str, format: str) -> Seen:
    kind = line.get("kind", "status")
    message = line.get("message", "")
    return Seen(
        kind=kind,
        status=line.get("status", 200 if kind in ("body", "event") else None),
        type=line.get("type"),
        code=line.get("code"),
        message=HTML if message == "<html>" else message,
        detail=line.get("detail", ""),
        after_output=line.get("after-output", False),
        provider=provider,
        host=host,
        format=format,
    )


DOCUMENTED = documented()


def name_of(case: object) -> str | None:
    if isinstance(case, Seen):
        return f"{case.status or case.kind} {case.code or case.type or ''} {case.message[:40]}"
    return None


@pytest.mark.parametrize(("failure", "means"), DOCUMENTED, ids=name_of)
def test_documented_errors(failure: Seen, means: str):
    verdict = TABLE.classify(failure)
    assert f"{verdict.cls} {verdict.scope}" == means, verdict.rule


def test_every_rule_is_reached_by_a_documented_error_or_by_its_own_code():
    """No rule is shadowed: some failure made of the rule's own words reaches it."""
    reached = {TABLE.classify(failure).rule for failure, _ in DOCUMENTED}
    histories = YAML(typ="safe", pure=True).load(HERE.joinpath("history_errors.yaml"))
    for provider, lines in histories.items():
        for line in lines:
            reached.add(TABLE.classify(seen_as({"status": 400, **line}, provider, "", "")).rule)
    for rule in RULES:
        reached |= {TABLE.classify(failure).rule for failure in failures_of(rule)}
    assert sorted({rule["name"] for rule in RULES} - reached) == []


def failures_of(rule: dict[str, Any]) -> list[Seen]:
    def listed(key: str) -> list[Any]:
        value = rule.get(key)
        return value if isinstance(value, list) else [value]

    words = {"4xx": 418, "5xx": 500, "3xx": 302, "none": None, None: 400}
    return [
        Seen(
            kind="body" if status == "none" else kind or "status",
            status=words.get(status, status),
            code=None if code is None else str(code).replace("*", ""),
            provider=str(provider or "").replace("*", ""),
        )
        for status in listed("status")
        for kind in listed("kind")
        for provider in listed("provider")
        for code in [*listed("code"), *listed("word")]
        if code is None or not str(code).startswith("13[")
    ]


def test_refusals_are_announced_and_guesses_are_not():
    announced = {rule.verdict.cls for rule in TABLE.rules if rule.verdict.announced}
    assert announced == {"credential", "quota"}
    assert not TABLE.classify(Seen(status=403)).announced
    assert TABLE.classify(Seen(status=401)).announced


def test_a_providers_own_rules_win_and_leave_the_table_alone():
    failure = Seen(status=400, message="You have no credits left")
    extended = TABLE.extended([{"status": 400, "match": "no credits", "class": "quota"}])
    assert extended.classify(failure) == Verdict("quota", "target", True, "errors[0]")
    assert extended.classify(Seen(status=400, message="other")).cls == "request"
    plain = Seen(status=400, message="out of luck")
    assert TABLE.extended([{"status": "4xx", "class": "overload"}]).classify(plain).cls == (
        "overload"
    )
    assert TABLE.classify(plain).cls == "request"
    assert TABLE.extended([]) is TABLE


def test_messages_match_by_words_or_by_expressions():
    table = FailureTable.from_data(
        [{"match": ["a.b", "(c"], "match-regex": ["d.f", re.compile("^g$")], "class": "quota"}]
    )
    for message in ("xA.Bx", "the (C", "dEf", "g"):
        assert table.classify(Seen(status=400, message=message)).cls == "quota"
    for message in ("aXb", "gg", "c"):
        assert table.classify(Seen(status=400, message=message)).cls == "request"
    parsed = FailureTable.from_data([{"status": frozenset({418, 419}), "class": "quota"}])
    assert parsed.classify(Seen(status=419)).cls == "quota"


def test_conditions_are_all_needed():
    table = FailureTable.from_data(
        [
            {
                "name": "both",
                "format": "anthropic",
                "provider": "my-*",
                "type": "a*",
                "code": ["x", 7],
                "after-output": True,
                "kind": "event",
                "class": "model",
                "scope": "target",
                "announced": True,
                "cooldown": "90s",
            }
        ]
    )
    fitting: dict[str, Any] = {
        "kind": "event",
        "type": "Abc",
        "code": "7",
        "after_output": True,
        "provider": "MY-one",
        "format": "anthropic",
    }
    assert table.classify(Seen(**fitting)) == Verdict("model", "target", True, "both", 90.0)
    by_host = {**fitting, "provider": "z", "host": "my-host"}
    assert table.classify(Seen(**by_host)).rule == "both"
    for key, value in {
        "kind": "body",
        "type": "bc",
        "code": "8",
        "after_output": False,
        "provider": "z",
        "format": "gemini",
    }.items():
        assert table.classify(Seen(**{**fitting, key: value})).rule == "unknown", key


def test_statuses_of_errors_inside_a_200():
    assert Seen(kind="event", status=200, code="429").told_status == 429
    assert Seen(kind="event", code="rate_limit").told_status is None
    assert Seen(kind="body", status=200, code="200").told_status is None
    assert Seen(kind="body", status=503, code="429").told_status == 503
    assert Seen(kind="body", code="٤٢٩").told_status is None
    assert Seen(kind="status", status=400, code="429").told_status == 400


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("not a mapping", ""),
        ({"status": 400}, "class"),
        ({"class": "nonsense"}, "class"),
        ({"class": "quota", "statsu": 400}, "statsu"),
        ({"class": "quota", "status": "4x"}, "status"),
        ({"class": "quota", "status": 42}, "status"),
        ({"class": "quota", "status": [400, {}]}, "status"),
        ({"class": "quota", "scope": "all"}, "scope"),
        ({"class": "quota", "kind": "boom"}, "kind"),
        ({"class": "quota", "match-regex": "("}, "match-regex"),
        ({"class": "quota", "match-regex": [7]}, "match-regex"),
        ({"class": "quota", "match": []}, "match"),
        ({"class": "quota", "announced": "yes"}, "announced"),
        ({"class": "quota", "cooldown": "soon"}, "cooldown"),
    ],
)
def test_wrong_rules_are_told_with_their_place(rule: object, key: str):
    with pytest.raises(RuleError) as caught:
        FailureTable.from_data([{"class": "request", "status": 418}, rule])
    assert caught.value.index == 1
    assert caught.value.key == key
    assert "errors[1]" in str(caught.value)


texts = st.text(max_size=80)


@given(
    kind=st.sampled_from(KINDS),
    status=st.none() | st.integers(-1, 1000),
    type_=st.none() | texts,
    code=st.none() | texts,
    message=texts,
)
def test_anything_is_classified(
    kind: Any, status: int | None, type_: str | None, code: str | None, message: str
):
    verdict = TABLE.classify(Seen(kind=kind, status=status, type=type_, code=code, message=message))
    assert verdict.cls in CLASSES
    assert verdict.scope in SCOPES
    if verdict.cls in ("request", "context-length"):
        assert verdict.scope == "none"


@given(status=st.sampled_from([400, 409, 413, 422]), junk=st.text("abc ,.{}[]'\"", max_size=60))
def test_a_plain_wrong_request_locks_nothing(status: int, junk: str):
    assert TABLE.classify(Seen(status=status, message=junk)).scope == "none"


def test_huge_messages_cost_no_more_than_long_ones():
    whole = TABLE.classify(Seen(status=400, message="insufficient balance " + "x" * 10_000_000))
    assert whole.cls == "quota"
    assert TABLE.classify(Seen(status=400, message="x" * 5000 + "insufficient balance")).cls == (
        "request"
    )
