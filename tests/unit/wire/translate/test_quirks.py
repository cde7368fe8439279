import re
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.shared.call_ids import renamed_id
from switchyard.wire.translate.quirks import apply_quirks
from switchyard.wire.translate.quirks import refused_members

CHAT, RESPONSES, ANTHROPIC = "openai-chat", "openai-responses", "anthropic"
NINE = re.compile("[a-zA-Z0-9]{9}")


@dataclass(frozen=True, kw_only=True)
class Known:
    max_tokens_field: str | None = None
    min_max_tokens: int | None = None
    min_max_output_tokens: int | None = None
    thinking_off: bool | None = None
    developer_role: bool | None = None
    stream_options: bool | None = None
    parallel_tools: bool | None = None
    reasoning_field: str | None = None
    chat_proofs: Literal["google", "openrouter", "copilot", "none"] | None = None
    tool_id_pattern: re.Pattern[str] | None = None
    efforts: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    drop_when_reasoning: tuple[str, ...] = ()


EVERYTHING = Known(
    max_tokens_field="max_completion_tokens",
    min_max_tokens=16,
    developer_role=False,
    stream_options=False,
    parallel_tools=False,
    reasoning_field="reasoning",
    tool_id_pattern=NINE,
    efforts=("low", "high"),
    drop=("temperature",),
    drop_when_reasoning=("top_p",),
)


def chat(quirks: Known, **body: Any) -> dict[str, Any]:
    before = deepcopy(body)
    after = apply_quirks(body, CHAT, quirks)
    assert body == before
    return after


@pytest.mark.parametrize(
    ("name", "body", "after"),
    [
        ("max_tokens", {"max_completion_tokens": 5}, {"max_tokens": 5}),
        ("max_completion_tokens", {"max_tokens": 5}, {"max_completion_tokens": 5}),
        ("max_tokens", {"max_completion_tokens": 5, "max_tokens": 7}, {"max_tokens": 7}),
        ("max_tokens", {"max_tokens": 7}, {"max_tokens": 7}),
        ("max_tokens", {}, {}),
    ],
)
def test_the_limit_has_the_name_that_is_taken(
    name: str, body: dict[str, Any], after: dict[str, Any]
) -> None:
    assert chat(Known(max_tokens_field=name), **body) == after


def test_a_renamed_limit_keeps_its_place() -> None:
    quirks = Known(max_tokens_field="max_completion_tokens")
    assert list(chat(quirks, a=1, max_tokens=2, b=3)) == ["a", "max_completion_tokens", "b"]


@pytest.mark.parametrize(
    ("format", "name"),
    [
        (CHAT, "max_tokens"),
        (CHAT, "max_completion_tokens"),
        (RESPONSES, "max_output_tokens"),
        (ANTHROPIC, "max_tokens"),
    ],
)
def test_a_limit_that_is_too_low_is_raised(format: str, name: str) -> None:
    quirks = Known(min_max_tokens=16)
    assert apply_quirks({name: 1}, format, quirks) == {name: 16}
    for body in ({name: 16}, {name: None}, {name: True}, {"other": 1}):
        assert apply_quirks(body, format, quirks) is body


def test_a_limit_that_the_responses_api_alone_refuses_is_raised_there() -> None:
    quirks = Known(min_max_output_tokens=16)
    assert apply_quirks({"max_output_tokens": 1}, RESPONSES, quirks) == {"max_output_tokens": 16}
    for format, name in ((CHAT, "max_tokens"), (ANTHROPIC, "max_tokens")):
        body = {name: 1}
        assert apply_quirks(body, format, quirks) is body


@pytest.mark.parametrize(("format", "member"), [(CHAT, "messages"), (RESPONSES, "input")])
def test_developers_become_the_system(format: str, member: str) -> None:
    quirks = Known(developer_role=False)
    user = {"role": "user", "content": "hi"}
    body = {member: [{"role": "developer", "content": "be", "name": "x"}, user]}
    after = apply_quirks(body, format, quirks)
    assert after[member] == [{"role": "system", "content": "be", "name": "x"}, user]
    assert after[member][1] is user
    assert apply_quirks(after, format, quirks) is after
    assert apply_quirks(body, format, Known(developer_role=True)) is body


def test_what_is_unknown_upstream_is_left_out() -> None:
    body = {"stream_options": {"include_usage": True}, "parallel_tool_calls": False, "a": 1}
    assert chat(Known(stream_options=False, parallel_tools=False), **body) == {"a": 1}
    assert chat(Known(stream_options=True, parallel_tools=True), **body) == body


def call(id: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}


def result(id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": f"of {id}"}


def test_earlier_calls_at_once_are_told_one_by_one() -> None:
    calls = {"role": "assistant", "content": "Both.", "tool_calls": [call("a"), call("b")]}
    user = {"role": "user", "content": "go"}
    after = chat(
        Known(parallel_tools=False), messages=[user, calls, result("b"), result("a"), user]
    )
    assert after["messages"] == [
        user,
        {"role": "assistant", "content": "Both.", "tool_calls": [call("a")]},
        result("a"),
        {"role": "assistant", "content": None, "tool_calls": [call("b")]},
        result("b"),
        user,
    ]


def test_results_of_nothing_are_not_lost() -> None:
    calls = {"role": "assistant", "tool_calls": [call("a"), call("b")]}
    stray = result("other")
    after = chat(Known(parallel_tools=False), messages=[calls, result("a"), stray])
    assert after["messages"][-1] == stray and len(after["messages"]) == 4


@pytest.mark.parametrize(
    ("field", "message", "after"),
    [
        ("reasoning", {"reasoning_content": "t"}, {"reasoning": "t"}),
        ("reasoning_content", {"reasoning": "t"}, {"reasoning_content": "t"}),
        ("reasoning", {"reasoning_content": "t", "reasoning": "u"}, {"reasoning": "u"}),
        ("reasoning", {"reasoning_content": "t", "reasoning": None}, {"reasoning": "t"}),
        ("reasoning", {"reasoning_content": None}, {}),
        ("none", {"reasoning_content": "t", "reasoning": "u", "reasoning_details": []}, {}),
    ],
)
def test_thinking_has_the_name_that_is_taken(
    field: str, message: dict[str, Any], after: dict[str, Any]
) -> None:
    said = {"role": "assistant", "content": "hi"}
    body = chat(Known(reasoning_field=field), messages=[{**said, **message}])
    assert body["messages"] == [{**said, **after}]
    assert chat(Known(reasoning_field=field), messages=[said])["messages"] == [said]


@pytest.mark.parametrize(
    ("format", "said"),
    [
        (CHAT, lambda e: {"reasoning_effort": e}),
        (CHAT, lambda e: {"reasoning": {"effort": e, "exclude": True}}),
        (RESPONSES, lambda e: {"reasoning": {"effort": e, "summary": "auto"}}),
        (ANTHROPIC, lambda e: {"output_config": {"effort": e}}),
    ],
)
def test_an_effort_that_is_not_taken_becomes_the_nearest(format: str, said: Any) -> None:
    quirks = Known(efforts=("low", "medium", "high"))
    assert apply_quirks(said("xhigh"), format, quirks) == said("high")
    assert apply_quirks(said("none"), format, quirks) == said("low")
    for taken in ("low", "unheard-of", None):
        body = said(taken)
        assert apply_quirks(body, format, quirks) is body


def test_refused_members_are_left_out_and_told() -> None:
    quirks = Known(drop=("temperature", "stop"), drop_when_reasoning=("top_p",))
    body = {"temperature": 0, "stop": None, "top_p": 1, "a": 1}
    assert refused_members(body, CHAT, quirks) == ["temperature"]
    assert chat(quirks, **body) == {"stop": None, "top_p": 1, "a": 1}
    for effort, left in (("none", True), ("low", False)):
        after = chat(quirks, reasoning_effort=effort, **body)
        assert ("top_p" in after) == left


def test_a_model_that_does_not_reason_is_asked_for_none_of_it() -> None:
    quirks = Known(drop=("reasoning",))
    words = {"role": "user", "content": "Hi"}
    body = {
        "reasoning": {"effort": "high"},
        "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
        "input": [words, {"type": "reasoning", "id": "rs_1", "summary": []}, words],
    }
    left = {"include": ["message.output_text.logprobs"], "input": [words, words]}
    assert apply_quirks(body, RESPONSES, quirks) == left
    only = {"include": ["reasoning.encrypted_content"], "input": "Hi"}
    assert apply_quirks(only, RESPONSES, quirks) == {"input": "Hi"}
    assert apply_quirks(left, RESPONSES, quirks) is left
    assert apply_quirks(body, RESPONSES, Known()) is body


def test_verbosity_is_left_out_of_either_api_and_told() -> None:
    quirks = Known(drop=("verbosity",))
    assert chat(quirks, verbosity="low", n=1) == {"n": 1}
    body = {"text": {"verbosity": "low", "format": {"type": "text"}}}
    assert refused_members(body, RESPONSES, quirks) == ["verbosity"]
    assert apply_quirks(body, RESPONSES, quirks) == {"text": {"format": {"type": "text"}}}
    assert apply_quirks({"text": {"verbosity": "low"}}, RESPONSES, quirks) == {}
    assert refused_members({"text": {}}, RESPONSES, quirks) == []


IDS = ["call_0123456789abcdef", "abcDEF123", "x", "call_ü"]


@pytest.mark.parametrize("id", IDS)
def test_ids_of_calls_and_results_are_renamed_alike(id: str) -> None:
    quirks = Known(tool_id_pattern=NINE)
    body = {"messages": [{"role": "assistant", "tool_calls": [call(id)]}, result(id)]}
    after = apply_quirks(body, CHAT, quirks)
    new = after["messages"][0]["tool_calls"][0]["id"]
    assert NINE.fullmatch(new) and after["messages"][1]["tool_call_id"] == new
    assert (new == id) == bool(NINE.fullmatch(id))
    assert apply_quirks(after, CHAT, quirks) is after
    items = {"input": [{"type": "function_call", "call_id": id, "id": "fc_1"}]}
    assert apply_quirks(items, RESPONSES, quirks)["input"][0] == {
        "type": "function_call",
        "call_id": new,
        "id": "fc_1",
    }
    use = {"type": "tool_use", "id": id}
    answer = {"type": "tool_result", "tool_use_id": id, "content": "r"}
    turns = {"messages": [{"content": [use]}, {"content": [answer]}, {"content": "words"}]}
    written = apply_quirks(turns, ANTHROPIC, quirks)["messages"]
    assert written[0]["content"][0]["id"] == written[1]["content"][0]["tool_use_id"] == new


@pytest.mark.parametrize(
    "pattern",
    [NINE.pattern, "[a-zA-Z0-9_-]{1,64}", "call_.+", "toolu_[a-zA-Z0-9]+", "[A-Za-z0-9]{40}"],
)
def test_an_id_is_found_for_usual_patterns(pattern: str) -> None:
    compiled = re.compile(pattern)
    names = {renamed_id(f"tool:{number}", compiled) for number in range(200)}
    assert len(names) == 200 and all(map(compiled.fullmatch, names))


def test_an_id_stays_where_the_pattern_is_met_by_none() -> None:
    assert renamed_id("x", re.compile("never, ever")) == "x"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 50) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["system", "developer", "user", "assistant", "tool", 5]),
            "content": JSON,
            "tool_calls": st.lists(
                st.fixed_dictionaries({"id": st.sampled_from(IDS)}) | JSON, max_size=3
            ),
            "tool_call_id": st.sampled_from([*IDS, None]),
            "reasoning": JSON,
            "reasoning_content": JSON,
        },
    )
    | JSON,
    max_size=5,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "messages": MESSAGES | JSON,
        "input": MESSAGES | JSON,
        "max_tokens": JSON,
        "max_completion_tokens": JSON,
        "reasoning_effort": JSON,
        "reasoning": JSON,
        "output_config": JSON,
        "temperature": JSON,
        "top_p": JSON,
        "stream_options": JSON,
    },
)


@given(body=BODIES, format=st.sampled_from([CHAT, RESPONSES, ANTHROPIC, "gemini", "ollama"]))
def test_any_body_is_taken_never_changed_and_done_with_at_once(
    body: dict[str, Any], format: str
) -> None:
    before = deepcopy(body)
    once = apply_quirks(body, format, EVERYTHING)
    assert body == before
    assert apply_quirks(once, format, EVERYTHING) is once
    assert apply_quirks(body, format, Known()) is body
