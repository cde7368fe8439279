"""What requests tell prompt caches for clients that did not."""

import json
from typing import Any

import pytest

from switchyard.exchange.sessions import cache_key_of
from tests.support.runtime import Pipeline
from tests.support.runtime import call
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

CONFIG = """
    providers:
      - {name: claude, preset: anthropic, api-key: k, models: [claude-sonnet-4-5, claude-opus-4-5]}
      - {name: hourly, format: anthropic, base-url: "https://h.example", api-key: k,
         profile: {cache-marks: 1h, cache-minimum: 1000}, models: [c]}
      - {name: silent, format: anthropic, base-url: "https://s.example", api-key: k,
         models: [c, {name: d, profile: {cache-marks: off}}]}
      - {name: openai, preset: openai, api-key: k, models: [gpt-5.1]}
      - {name: plain, base-url: "https://p.example/v1", api-key: k, models: [m]}
"""
RULES = "A rule of the house. " * 400
"""Some 2,100 tokens by the rule of four characters."""
HISTORY = [
    {"role": "system", "content": RULES},
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "Well."},
    {"role": "user", "content": "two"},
]


def sent(format: str, model: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
    """The body that a provider is sent."""
    pipeline = Pipeline(make_runtime(CONFIG))
    path, body = call(format, model)
    flow = client_flow(pipeline.runtime, path, {**body, **more}, headers=headers or {})
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.request is not None
    return json.loads(attempt.request.content or b"")


def marks(body: Any) -> int:
    return json.dumps(body).count('"cache_control"')


@pytest.mark.parametrize(
    ("model", "count"),
    [
        ("claude/claude-sonnet-4-5", 3),
        ("claude/claude-opus-4-5", 0),  # its minimum is 4,096 tokens
        ("hourly/c", 3),
        ("silent/c", 0),
        ("silent/d", 0),
    ],
)
def test_a_client_of_another_format_gets_marks(model: str, count: int) -> None:
    body = sent("openai-chat", model, messages=HISTORY)
    assert marks(body) == count
    assert json.dumps(body).count('"1h"') == (3 if model == "hourly/c" else 0)


def test_a_model_of_unknown_minimum_gets_them_in_longer_prompts() -> None:
    long = [{"role": "system", "content": RULES * 2}, *HISTORY[1:]]
    assert marks(sent("openai-chat", "silent/c", messages=long)) == 3
    assert marks(sent("openai-chat", "silent/d", messages=long)) == 0


def test_a_client_of_anthropics_format_sets_its_own_or_none() -> None:
    body = sent("anthropic", "hourly/c", system=RULES, messages=HISTORY[1:])
    assert marks(body) == 0


@pytest.mark.parametrize("format", ["openai-responses", "openai-chat", "anthropic"])
def test_openai_gets_a_key_of_the_session(format: str) -> None:
    body = sent(format, "openai/gpt-5.1", {"session_id": "s-1"})
    assert body["prompt_cache_key"] == cache_key_of("s-1")


def test_a_clients_own_key_stays() -> None:
    body = sent("openai-responses", "openai/gpt-5.1", prompt_cache_key="mine")
    assert body["prompt_cache_key"] == "mine"


def test_providers_that_do_not_say_so_get_no_key() -> None:
    assert "prompt_cache_key" not in sent("openai-chat", "plain/m", {"session_id": "s-1"})
