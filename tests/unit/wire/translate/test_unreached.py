"""Every member of a request reaches the target, or is named."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import FORMATS
from switchyard.wire.translate.unreached import Unreached
from switchyard.wire.translate.unreached import Way
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import requests
from tests.unit.wire.crossing import dropped
from tests.unit.wire.crossing import sent
from tests.unit.wire.sdk_members import BASES
from tests.unit.wire.sdk_members import members

type Json = dict[str, Any]

UNREACHED = Unreached()
SERVED = frozenset({"stop", "stop_sequences", "stopSequences", "stream_options"})
"""What the router does itself."""
THINKING = frozenset({"thinking", "output_config", "reasoning_effort"})
SAYS_NOTHING = frozenset(
    {
        ("openai-chat", "parallel_tool_calls"),
        ("openai-responses", "parallel_tool_calls"),
        ("openai-responses", "truncation"),  # `disabled`
        ("openai-responses", "reasoning.summary"),  # `detailed`, which is given all the same
        ("openai-responses", "reasoning.generate_summary"),
        ("openai-responses", "tools.format"),  # `text`
        ("anthropic", "tools.type"),  # `custom`
        ("gemini", "responseSchema.nullable"),
        ("gemini", "responseSchema.propertyOrdering"),
    }
)
"""Members whose value means the same as to leave them out, or that a JSON schema cannot say."""
WHOLE = {
    "tools": {"tools", "server-tools", "tool_choice"},
    "functions": {"tools"},
    "tool_choice": {"tools", "tool_choice"},
    "function_call": {"tools", "tool_choice"},
    "toolConfig": {"tools", "tool_choice"},
    "reasoning": {"reasoning"},
    "thinking": {"reasoning"},
    "thinkingConfig": {"reasoning"},
    "web_search_options": {"web_search"},
}
"""Features by which all of a member is told."""


def told(client: str, target: str, body: Json, model: str = "m") -> set[str]:
    """All that the client is told to be left out."""
    written = sent(client, target, body, model=model)
    names = UNREACHED.names(body, Way(client, target, model), written)
    return {*dropped(client, target, body), *names}


@lru_cache
def cases(client: str) -> list[tuple[str, Json, Json]]:
    return [(path, body, less) for name, path, body, less in members() if name == client]


def silent(client: str, target: str) -> Iterator[str]:
    """The members that are lost without a word."""
    for path, body, less in cases(client):
        words = path.split(":")[0].split(".")
        if SERVED & set(words) or (client, ".".join(words)) in SAYS_NOTHING:
            continue
        names = told(client, target, body)
        whole = {".".join(words[: i + 1]) for i in range(len(words))} | WHOLE.get(words[0], set())
        reached = sent(client, target, body) != sent(client, target, less)
        if not (reached or names - told(client, target, less) or names & whole):
            yield path


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_every_member_of_the_sdks_types_reaches_its_target_or_is_named(
    client: str, target: str
) -> None:
    if client == target:
        pytest.skip("a provider of the client's own format gets the client's request")
    assert len(cases(client)) > 15
    assert list(silent(client, target)) == []


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_unknown_members_are_named(client: str, target: str) -> None:
    if client == target:
        return
    body = {**BASES[client], "brand_new": {"a": 1}, "two": 2, "odd name\r\n": 1}
    names = UNREACHED.names(body, Way(client, target, "m"), sent(client, target, body))
    assert names == ("brand_new", "two", "unknown")


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_members_that_say_nothing_are_no_losses(client: str, target: str) -> None:
    if client == target:
        return
    body = {name: None for name, *_ in ((path.split(".")[0].split(":")[0],) for path, *_ in
            cases(client))}  # fmt: skip
    body = {**body, **BASES[client], "nothing": None, "empty": {}, "none": [], "no": False}
    assert told(client, target, body) == told(client, target, BASES[client])


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("claude-opus-5", {"temperature", "top_p"}),
        ("claude-sonnet-4-5", {"top_p"}),
        ("claude-3-5-haiku-latest", set()),
    ],
)
def test_sampling_that_claude_models_refuse_is_told(model: str, names: set[str]) -> None:
    body = {**BASES["openai-chat"], "temperature": 0.2, "top_p": 0.5}
    assert told("openai-chat", "anthropic", body, model) == names


@pytest.mark.parametrize(("temperature", "clamped"), [(1.5, True), (1.0, False), (0.0, False)])
@pytest.mark.parametrize("client", ["openai-chat", "openai-responses", "gemini", "ollama"])
def test_a_number_beyond_the_targets_scale_is_told(
    client: str, temperature: float, clamped: bool
) -> None:
    said = {"temperature": temperature}
    holder = {"gemini": "generationConfig", "ollama": "options"}.get(client)
    body = {**BASES[client], **({holder: said} if holder else said)}
    assert sent(client, "anthropic", body)["temperature"] == min(temperature, 1.0)
    assert ("temperature" in told(client, "anthropic", body)) is clamped
    others = [name for name in FORMATS if name not in (client, "anthropic")]
    assert not any("temperature" in told(client, other, body) for other in others)


def test_the_case_of_the_issue() -> None:
    body = {**BASES["anthropic"], "inference_geo": "us", "fallbacks": [{"model": "claude-opus-5"}],
            "output_config": {"task_budget": {"type": "tokens", "total": 20000}},
            "service_tier": "standard_only"}  # fmt: skip
    assert told("anthropic", "openai-chat", body) == {
        "inference_geo", "fallbacks", "output_config", "service_tier"}  # fmt: skip


def test_what_is_said_twice_reaches_its_target() -> None:
    body = {**BASES["anthropic"], "thinking": {"type": "enabled", "budget_tokens": 2000},
            "output_config": {"effort": "low"}}  # fmt: skip
    assert told("anthropic", "openai-chat", body) == set()


def test_a_single_forced_tool_is_offered() -> None:
    function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": function}]
    choice = {"type": "function", "function": {"name": "f"}}
    body = {**BASES["openai-chat"], "tools": tools, "tool_choice": choice}
    assert told("openai-chat", "ollama", body) == {"tool_choice"}
    second = [*tools, {"type": "function", "function": {**function, "name": "g"}}]
    assert told("openai-chat", "ollama", {**body, "tools": second}) == {"tool_choice", "tools"}


def test_the_comparison_is_made_once_for_the_same_settings() -> None:
    unreached, way = Unreached(), Way("openai-chat", "anthropic", "m")
    body = {**BASES["openai-chat"], "brand_new": 1}
    written = sent("openai-chat", "anthropic", body)
    first = unreached.names(body, way, written)
    other = {**body, "messages": [{"role": "user", "content": "other"}]}
    assert unreached.names(other, way, written) is first
    assert unreached.names({**body, "brand_new": 2}, way, written) is not first


INSIDE = {
    "contents": [{"role": "user", "parts": [{"text": "x"}]}],
    "generationConfig": {"topK": 3, "brandNew": 1},
}


@pytest.mark.parametrize("target", sorted(FORMATS.keys() - {"gemini"}))
def test_in_an_envelope_the_request_inside_is_compared(target: str) -> None:
    unreached, written = Unreached(), sent("gemini", target, INSIDE)
    way = Way("gemini-code-assist", target, "m")
    envelope = {"model": "m", "project": "p", "user_prompt_id": "u", "request": INSIDE}
    names = unreached.names(envelope, way, written)
    assert "brandNew" in names
    assert names == unreached.names(INSIDE, Way("gemini", target, "m"), written)
    other = {**INSIDE, "contents": [{"role": "user", "parts": [{"text": "other"}]}]}
    again = {**envelope, "user_prompt_id": "v", "request": other}
    assert unreached.names(again, way, written) is names


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("client", CLIENT_FORMATS)
def test_every_shape_of_a_request_is_compared(client: str, target: str) -> None:
    inner = CLIENT_FORMATS[client].provider_format
    body = {**BASES.get(client, BASES.get(inner, {})), "brand_new": 1}
    if client == "gemini-code-assist":
        body = {"model": "m", "request": body}
    names = Unreached().names(body, Way(client, target, "m"), {})
    assert "brand_new" in names or inner == target


def test_thinking_that_a_history_rules_out_is_told() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    body = {"model": "m", "messages": history, "reasoning_effort": "high"}
    assert "thinking" not in sent("openai-chat", "anthropic", body)
    assert told("openai-chat", "anthropic", body) == {"thinking"}
    assert told("openai-chat", "anthropic", {**body, "messages": history[:1]}) == set()


@needs_corpus
@pytest.mark.parametrize("target", FORMATS)
def test_nothing_is_lost_untold_in_the_corpus(target: str) -> None:
    """Leaving out a member at the top of a recorded request changes what is written, or is told."""
    wrong: list[str] = []
    for client, record in ((name, one) for name in BASES for one in requests(name)):
        body = record.request
        if client == target or body is None:
            continue
        names, full = told(client, target, body), json.dumps(sent(client, target, body))
        for key, value in body.items():
            if key in SERVED or value == ["reasoning.encrypted_content"]:
                continue
            if value in (None, False, "", [], {}, "auto", 1, True, 0):
                continue
            if key in BASES[client] or key in ("generationConfig", "options", "tools"):
                continue
            rest = {name: one for name, one in body.items() if name != key}
            if key in THINKING and THINKING & rest.keys():
                continue  # said twice
            if json.dumps(sent(client, target, rest)) == full and key not in names:
                if not names - told(client, target, rest):
                    wrong.append(f"{record.id}: {key}={str(value)[:60]}")
    assert not wrong, "\n".join(wrong[:40])
