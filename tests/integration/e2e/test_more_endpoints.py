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
                "shorter": ["openai-responses/bad", "openai-responses/good"],
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


COUNT = {"messages": [{"role": "user", "content": "Well?"}]}
ASKS_COUNT = "/v1/messages/count_tokens"


def test_a_provider_of_the_format_counts_tokens(router: Router, upstream: Upstream) -> None:
    plan = upstream.on("m", answer({"input_tokens": 77}), path=ASKS_COUNT)
    told = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "anthropic/m", **COUNT})
    assert (told.status_code, told.json()) == (200, {"input_tokens": 77})
    assert "x-switchyard-estimate" not in told.headers
    assert told.headers["x-switchyard-model"] == "m"
    assert plan.requests[0].json == {"model": "m", **COUNT} and plan.requests[0].key == KEY


def test_counts_fail_over_and_are_estimated_at_last(router: Router, upstream: Upstream) -> None:
    """A provider that does not count is none the worse for answers."""
    upstream.on("bad", always=refusing(ANTHROPIC, 404, "not_found_error"), path=ASKS_COUNT)
    good = upstream.on(
        "good", answer({"input_tokens": 5}), always=refusing(ANTHROPIC, 404), path=ASKS_COUNT
    )
    first = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "counts", **COUNT})
    assert first.json() == {"input_tokens": 5} and len(good.requests) == 1
    assert first.headers["x-switchyard-attempts"] == "2"
    second = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "counts", **COUNT})
    assert second.status_code == 200 and 1 <= second.json()["input_tokens"] < 30
    assert second.headers["x-switchyard-estimate"] == "true"
    upstream.on("bad", always=saying(ANTHROPIC), path=ANTHROPIC.path)
    asked = {"model": "anthropic/bad", "max_tokens": 5, **COUNT}
    assert GOOD in httpx2.post(f"{router.url}{ANTHROPIC.path}", json=asked).text


def test_a_wrong_count_is_told_as_the_provider_says(router: Router, upstream: Upstream) -> None:
    upstream.on("m", refusing(ANTHROPIC, 400, "invalid_request_error", "no such role"))
    told = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "anthropic/m", **COUNT})
    assert told.status_code == 400 and told.json()["error"]["message"] == "no such role"


def test_counts_for_other_providers_are_estimated_and_learn(
    router: Router, upstream: Upstream
) -> None:
    upstream.on("c", always=saying(CHAT), path=CHAT.path)
    words = {"messages": [{"role": "user", "content": "Well, what is it? " * 4}]}

    def count() -> int:
        told = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "openai-chat/c", **words})
        assert told.status_code == 200 and told.headers["x-switchyard-estimate"] == "true"
        return told.json()["input_tokens"]

    before = count()
    assert 10 < before < 30
    asked = {"model": "openai-chat/c", **words}
    assert httpx2.post(f"{router.url}{CHAT.path}", json=asked).status_code == 200
    after = count()  # the provider told of 21 tokens
    assert abs(after - 21) < abs(before - 21) or before == 21
    wrong = httpx2.post(f"{router.url}{ASKS_COUNT}", json={"model": "openai-chat/c"})
    assert wrong.status_code == 400 and wrong.json()["type"] == "error"


def test_gemini_counts_tokens(router: Router, upstream: Upstream) -> None:
    contents = {"contents": [{"parts": [{"text": "Well?"}]}]}
    path = "/v1beta/models/{}:countTokens"
    plan = upstream.on(None, answer({"totalTokens": 4}), path=path.format("g"))
    told = httpx2.post(f"{router.url}{path.format('gemini/g')}", json=contents)
    assert told.json() == {"totalTokens": 4} and plan.requests[0].json == contents
    guess = httpx2.post(f"{router.url}{path.format('openai-chat/c')}", json=contents)
    assert guess.headers["x-switchyard-estimate"] == "true"
    assert 1 <= guess.json()["totalTokens"] < 30


VECTORS = {"embeddings": [{"values": [0.5, -1.0]}, {"values": [0.25, 2.0]}]}


def test_embeddings_pass_through_and_are_translated(
    router: Router, upstream: Upstream, legacy: openai.OpenAI
) -> None:
    listed = [
        {"object": "embedding", "index": i, "embedding": one["values"]}
        for i, one in enumerate(VECTORS["embeddings"])
    ]
    body = {"object": "list", "data": listed, "model": "e"}
    body["usage"] = {"prompt_tokens": 3, "total_tokens": 3}
    same = upstream.on("e", always=answer(body), path="/v1/embeddings")
    told = legacy.embeddings.create(model="openai-chat/e", input=["a", "b"])
    assert [one.embedding for one in told.data] == [[0.5, -1.0], [0.25, 2.0]]
    assert told.usage.total_tokens == 3 and same.requests[0].json["model"] == "e"
    assert same.requests[0].key == KEY
    ollama = httpx2.post(
        f"{router.url}/api/embed", json={"model": "openai-chat/e", "input": ["a", "b"]}
    )
    assert ollama.json()["embeddings"] == [[0.5, -1.0], [0.25, 2.0]]
    google = httpx2.post(
        f"{router.url}/v1beta/models/openai-chat/e:batchEmbedContents",
        json={"requests": [{"content": {"parts": [{"text": t}]}} for t in ("a", "b")]},
    )
    assert google.json() == VECTORS


def test_embeddings_fail_over_between_formats(
    router: Router, upstream: Upstream, legacy: openai.OpenAI
) -> None:
    """An empty answer is a failure like any other."""
    upstream.on("bad", answer({"object": "list", "data": []}), path="/v1/embeddings")
    good = upstream.on(None, always=answer(VECTORS), path="/v1beta/models/good:batchEmbedContents")
    raw = legacy.embeddings.with_raw_response.create(model="vectors", input=["a", "b"])
    assert [one.embedding for one in raw.parse().data] == [[0.5, -1.0], [0.25, 2.0]]
    assert raw.headers["x-switchyard-attempts"] == "2" and len(good.requests) == 1


def test_embeddings_that_cannot_be_had(router: Router, legacy: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="embeddings"):
        legacy.embeddings.create(model="anthropic/m", input="a")
    with pytest.raises(openai.BadRequestError, match="text only"):
        legacy.embeddings.create(model="gemini/m", input=[1, 2, 3])


def test_ollama_generate(router: Router, upstream: Upstream) -> None:
    upstream.on("c", always=saying(CHAT), path=CHAT.path)
    ask = {"model": "openai-chat/c", "prompt": "Well?", "system": "Be brief."}
    told = httpx2.post(f"{router.url}/api/generate", json={**ask, "stream": False}).json()
    assert GOOD in told["response"] and told["done"] is True and told["prompt_eval_count"] == 21
    streamed = httpx2.post(f"{router.url}/api/generate", json=ask)
    assert streamed.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in streamed.text.splitlines()]
    assert GOOD in "".join(line["response"] for line in lines) and lines[-1]["done"] is True
    body = {"model": "o", "response": GOOD, "done": True, "done_reason": "stop", "eval_count": 1}
    plan = upstream.on("o", answer(body), path="/api/generate")
    own = {"prompt": "def f(", "suffix": ")", "raw": True, "stream": False}
    same = httpx2.post(f"{router.url}/api/generate", json={"model": "ollama/o", **own})
    assert body.items() <= same.json().items(), "clients count on durations, which are added"
    assert plan.requests[0].json == {"model": "o", **own}
    loaded = httpx2.post(f"{router.url}/api/generate", json={"model": "ollama/o"})
    assert loaded.json()["done_reason"] == "load"


COHERE_TOOL = {
    "type": "function",
    "function": {"name": "look", "description": "Looks.", "parameters": {"type": "object"}},
}


def test_coheres_chat(router: Router, upstream: Upstream) -> None:
    plan = upstream.on("c", always=saying(CHAT), path=CHAT.path)
    ask = {
        "model": "openai-chat/c",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Well?"}]}],
        "p": 0.5,
        "safety_mode": "STRICT",
        "tools": [COHERE_TOOL],
        "tool_choice": "REQUIRED",
    }
    told = httpx2.post(f"{router.url}/v2/chat", json=ask)
    answered = told.json()
    assert answered["finish_reason"] == "COMPLETE" and answered["id"]
    assert GOOD in answered["message"]["content"][0]["text"]
    assert answered["usage"]["tokens"]["input_tokens"] == 21
    assert told.headers["x-switchyard-dropped"] == "safety_mode"
    asked = plan.requests[0].json
    assert asked["top_p"] == 0.5 and asked["tool_choice"] == "required" and "p" not in asked
    streamed = httpx2.post(f"{router.url}/v2/chat", json={**ask, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in streamed.text.splitlines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert (events[0]["type"], events[-1]["type"]) == ("message-start", "message-end")
    said = [one["delta"]["message"]["content"] for one in events if one["type"] == "content-delta"]
    assert GOOD in "".join(one["text"] for one in said)


def test_coheres_chat_by_other_formats(router: Router, upstream: Upstream) -> None:
    upstream.on("a", always=saying(ANTHROPIC), path=ANTHROPIC.path)
    ask = {"messages": [{"role": "user", "content": "Well?"}], "k": 3}
    told = httpx2.post(f"{router.url}/v2/chat", json={**ask, "model": "anthropic/a"})
    assert GOOD in told.json()["message"]["content"][-1]["text"]
    assert "x-switchyard-dropped" not in told.headers


def test_coheres_chat_reports_errors_in_its_own_shape(router: Router) -> None:
    for body, status in (({"model": "nobody", "messages": []}, 404), ({"message": "Hi"}, 400)):
        wrong = httpx2.post(f"{router.url}/v2/chat", json=body)
        assert wrong.status_code == status and isinstance(wrong.json()["message"], str)
    assert httpx2.post(f"{router.url}/v1/chat", json={"message": "Hi"}).status_code == 404


def test_ollama_show(router: Router) -> None:
    told = httpx2.post(f"{router.url}/api/show", json={"model": "legacy:latest"}).json()
    assert {"details", "model_info", "capabilities"} <= told.keys()
    assert told["model_info"]["general.basename"] == "legacy"
    unlisted = httpx2.post(f"{router.url}/api/show", json={"name": "ollama/any:7b"})
    assert unlisted.json()["details"]["family"] == "ollama"
    for body, status in (({"model": "nobody"}, 404), ({}, 400)):
        wrong = httpx2.post(f"{router.url}/api/show", json=body)
        assert wrong.status_code == status and isinstance(wrong.json()["error"], str)


COMPACTED = {
    "id": "resp_c1",
    "object": "response.compaction",
    "created_at": 1_790_000_000,
    "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "c2VhbGVk"}],
    "usage": {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100},
}


@pytest.mark.parametrize("path", ["/v1/responses/compact", "/codex/responses/compact"])
def test_a_conversation_is_compacted_by_whoever_speaks_responses(
    router: Router, upstream: Upstream, path: str
) -> None:
    upstream.on("bad", always=refusing(CHAT, 503), path="/v1/responses/compact")
    plan = upstream.on("good", answer(COMPACTED), path="/v1/responses/compact")
    body = {"model": "shorter", "input": [{"role": "user", "content": "Hi"}], "instructions": "?"}
    told = httpx2.post(f"{router.url}{path}", json=body)
    assert (told.status_code, told.json()) == (200, COMPACTED)
    assert told.headers["x-switchyard-attempts"] == "2"
    assert plan.requests[0].json == {**body, "model": "good"}
    assert plan.requests[0].key == KEY


def test_what_the_router_remembers_is_compacted_too(router: Router, upstream: Upstream) -> None:
    """A conversation that began at a provider of another format, which it alone does not know."""
    upstream.on("c", saying(CHAT), path=CHAT.path)
    first = httpx2.post(
        f"{router.url}/v1/responses", json={"model": "openai-chat/c", "input": "Hi"}
    ).json()
    plan = upstream.on("good", answer(COMPACTED), path="/v1/responses/compact")
    told = httpx2.post(
        f"{router.url}/v1/responses/compact",
        json={"model": "openai-responses/good", "previous_response_id": first["id"]},
    )
    assert told.json() == COMPACTED
    sent = plan.requests[0].json
    assert "previous_response_id" not in sent
    assert GOOD in json.dumps(sent["input"]) and '"Hi"' in json.dumps(sent["input"])
