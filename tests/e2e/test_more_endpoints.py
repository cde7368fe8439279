"""The endpoints besides the chat formats, on the real proxy: legacy completions, token counts,
embeddings, and Ollama's own."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import data
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream

KEY = "sk-upstream-71be"


def answer(value: object, status: int = 200) -> Any:
    return whole(json.dumps(value).encode(), status)


@pytest.fixture
def router(upstream: Upstream, start_router: Callable[..., Router]) -> Router:
    """A provider for each format, all at the one upstream, named by its format."""

    def provider(name: str, path: str = "/v1") -> dict[str, Any]:
        return {
            "name": name,
            "format": name,
            "base-url": f"{upstream.url}{path}",
            "api-key-entries": [KEY],
        }

    names = ("openai-chat", "openai-completions", "openai-responses")
    others = [provider("anthropic", ""), provider("gemini", ""), provider("ollama", "")]
    return start_router(
        {
            "providers": [*map(provider, names), *others],
            "combos": {
                "legacy": ["openai-completions/bad", "openai-chat/good"],
                "counts": ["anthropic/bad", "anthropic/good"],
                "vectors": ["openai-chat/bad", "gemini/good"],
            },
            "retry": {"request-retry": 0},
        }
    )


@pytest.fixture
def legacy(router: Router) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{router.url}/v1", api_key="x", max_retries=0, timeout=30
    ) as client:
        yield client


COMPLETION = {
    "id": "cmpl-9",
    "object": "text_completion",
    "created": 1_790_000_000,
    "model": "davinci",
    "choices": [{"text": f" {GOOD}", "index": 0, "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
}


def completion_chunks() -> Any:
    def chunk(text: str, finish: str | None) -> bytes:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}
        return data({**COMPLETION, "usage": None, "choices": [choice]})

    return chunked(chunk(GOOD, None), chunk("", "stop"), b"data: [DONE]\n\n")


def test_completions_pass_through(
    router: Router, upstream: Upstream, legacy: openai.OpenAI
) -> None:
    plan = upstream.on("d", answer(COMPLETION), completion_chunks(), path="/v1/completions")
    tokens = legacy.completions.create(model="openai-completions/d", prompt=[1, 2, 3], suffix="!")
    assert tokens.choices[0].text == f" {GOOD}" and tokens.usage and tokens.usage.total_tokens == 6
    assert plan.requests[0].json == {"model": "d", "prompt": [1, 2, 3], "suffix": "!"}
    assert plan.requests[0].key == KEY
    stream = legacy.completions.create(model="openai-completions/d", prompt="x", stream=True)
    assert "".join(one.choices[0].text for one in stream) == GOOD


def test_completions_are_translated(
    router: Router, upstream: Upstream, legacy: openai.OpenAI
) -> None:
    plan = upstream.on("c", always=saying(CHAT), path=CHAT.path)
    whole_answer = legacy.completions.create(
        model="openai-chat/c", prompt=["Once upon"], max_tokens=9, echo=True
    )
    assert whole_answer.object == "text_completion"
    assert whole_answer.choices[0].text.startswith("Once upon")
    assert GOOD in whole_answer.choices[0].text and whole_answer.choices[0].finish_reason == "stop"
    asked = plan.requests[0].json
    assert asked["messages"] == [{"role": "user", "content": "Once upon"}]
    assert asked["max_tokens"] == 9 and "prompt" not in asked
    stream = legacy.completions.create(
        model="openai-chat/c", prompt="x", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert GOOD in "".join(choice.text for one in chunks for choice in one.choices)
    assert chunks[-1].usage and chunks[-1].usage.prompt_tokens == 21
    with pytest.raises(openai.BadRequestError, match="not as tokens"):
        legacy.completions.create(model="openai-chat/c", prompt=[1, 2, 3])


def test_completions_fail_over_between_formats(
    router: Router, upstream: Upstream, legacy: openai.OpenAI
) -> None:
    upstream.on("bad", always=refusing(CHAT, 503), path="/v1/completions")
    upstream.on("good", always=saying(CHAT), path=CHAT.path)
    told = legacy.completions.with_raw_response.create(model="legacy", prompt="x", suffix="y")
    assert GOOD in told.parse().choices[0].text
    assert told.headers["x-switchyard-attempts"] == "2"
    assert told.headers["x-switchyard-dropped"] == "suffix"


def test_a_chat_is_served_by_a_provider_of_completions(router: Router, upstream: Upstream) -> None:
    plan = upstream.on("d", answer(COMPLETION), path="/v1/completions")
    question = {
        "model": "openai-completions/d",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Well?"}],
        "max_tokens": 9,
    }
    told = httpx2.post(f"{router.url}{ANTHROPIC.path}", json=question)
    assert told.json()["content"] == [{"type": "text", "text": f" {GOOD}"}]
    assert told.json()["stop_reason"] == "max_tokens"
    assert plan.requests[0].json["prompt"] == "Be brief.\n\nUser: Well?\n\nAssistant:"
