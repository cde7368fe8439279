"""What the SDKs offer besides conversations, through the router."""

import base64
import json
import struct
import sys
from collections.abc import Callable
from typing import Any
from typing import Literal

import anthropic
import ollama
import openai
import pytest

from tests.integration.sdks.clients.client import KEY
from tests.integration.sdks.conftest import FORMATS
from tests.integration.sdks.conftest import Stage
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded

LISTED = {"listed/big", "listed/small"}
VECTORS = [[0.5, -1.0], [0.25, 2.0]]

needs_genai = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="google-genai needs Python 3.13 here"
)
every_upstream = pytest.mark.parametrize(
    "upstream",
    [pytest.param(f, marks=needs_genai if f == "gemini" else ()) for f in FORMATS],
)


@pytest.fixture
def chat_sdk(stage: Stage) -> Any:
    with openai.OpenAI(base_url=f"{stage.router.url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def anthropic_sdk(stage: Stage) -> Any:
    with anthropic.Anthropic(base_url=stage.router.url, api_key=KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def genai(stage: Stage) -> Any:
    google = pytest.importorskip("google.genai", reason="google-genai needs Python 3.13 here")
    options = {"base_url": stage.router.url, "timeout": 60_000}
    sdk = google.Client(api_key=KEY, http_options=options)
    yield sdk
    sdk.close()


@pytest.fixture
def ollama_sdk(stage: Stage) -> ollama.Client:
    return ollama.Client(host=stage.router.url, headers={"authorization": f"Bearer {KEY}"})


# Models


def test_models_of_openai(chat_sdk: openai.OpenAI) -> None:
    assert {model.id for model in chat_sdk.models.list()} >= LISTED
    assert chat_sdk.models.retrieve("listed/big").id == "listed/big"
    with pytest.raises(openai.NotFoundError):
        chat_sdk.models.retrieve("listed/none")


def test_models_of_anthropic(anthropic_sdk: anthropic.Anthropic) -> None:
    assert {model.id for model in anthropic_sdk.models.list()} >= LISTED
    assert anthropic_sdk.models.retrieve("listed/big").type == "model"
    with pytest.raises(anthropic.NotFoundError):
        anthropic_sdk.models.retrieve("listed/none")


def test_models_of_genai(genai: Any) -> None:
    models = {model.name: model for model in genai.models.list()}
    assert models.keys() >= {f"models/{name}" for name in LISTED}
    model = genai.models.get(model="models/listed/big")
    assert model.name == "models/listed/big"
    assert model.input_token_limit == 200_000


def test_models_of_ollama(ollama_sdk: ollama.Client) -> None:
    assert {model.model for model in ollama_sdk.list().models} >= LISTED
    shown = ollama_sdk.show("listed/big")
    assert "completion" in (shown.capabilities or ())
    with pytest.raises(ollama.ResponseError) as caught:
        ollama_sdk.show("listed/none")
    assert caught.value.status_code == 404


def test_what_runs_at_ollama(ollama_sdk: ollama.Client) -> None:
    """Nothing does here, and that is an answer."""
    assert list(ollama_sdk.ps().models) == []


# Counting


@every_upstream
def test_counting_with_anthropic(
    stage: Stage, anthropic_sdk: anthropic.Anthropic, upstream: str
) -> None:
    model = count_at(stage, upstream)
    counted = anthropic_sdk.messages.count_tokens(
        model=model, messages=[{"role": "user", "content": "How is it in Oslo?"}]
    )
    assert counted.input_tokens == 41 if upstream == "anthropic" else counted.input_tokens > 3


@every_upstream
def test_counting_with_genai(stage: Stage, genai: Any, upstream: str) -> None:
    model = count_at(stage, upstream)
    counted = genai.models.count_tokens(model=model, contents="How is it in Oslo?")
    assert counted.total_tokens == 41 if upstream == "gemini" else counted.total_tokens > 3


def count_at(stage: Stage, upstream: str) -> str:
    """A model that counts 41 tokens, where its format has words for it."""
    counts = {"anthropic": {"input_tokens": 41}, "gemini": {"totalTokens": 41}}
    return stage.plan(upstream, whole(json.dumps(counts.get(upstream, {})).encode()))


# Embeddings


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack("<2f", *vector)).decode()


def embedding(upstream: str) -> Callable[[Recorded], Behaviour]:
    """Answers with as many vectors as texts were sent, in the format's own shape."""

    def react(request: Recorded) -> Behaviour:
        body = request.json
        if upstream == "gemini":
            single = request.path.endswith(":embedContent")
            count = 1 if single else len(body["requests"])
            said: Any = [{"values": vector} for vector in VECTORS[:count]]
            told = {"embedding": said[0]} if single else {"embeddings": said}
        else:
            texts = body["prompt"] if "prompt" in body else body["input"]
            count = 1 if isinstance(texts, str) else len(texts)
            if "prompt" in body:
                told = {"embedding": VECTORS[0]}
            elif upstream == "ollama":
                told = {"model": "m", "embeddings": VECTORS[:count], "prompt_eval_count": 4}
            else:
                packed = body.get("encoding_format") == "base64"
                data = [
                    {"object": "embedding", "index": i, "embedding": _packed(v) if packed else v}
                    for i, v in enumerate(VECTORS[:count])
                ]
                usage = {"prompt_tokens": 4, "total_tokens": 4}
                told = {"object": "list", "data": data, "model": "m", "usage": usage}
        return whole(json.dumps(told).encode())

    return react


embedders = pytest.mark.parametrize(
    "upstream",
    ["openai-chat", pytest.param("gemini", marks=needs_genai), "ollama"],
)


@embedders
@pytest.mark.parametrize("encoding", ["unsaid", "float", "base64"])
def test_embeddings_of_openai(
    stage: Stage,
    chat_sdk: openai.OpenAI,
    upstream: str,
    encoding: Literal["unsaid", "float", "base64"],
) -> None:
    """Where no encoding is said, the SDK asks for base64 and takes floats as well."""
    model = stage.plan(upstream, embedding(upstream))
    more: Any = {} if encoding == "unsaid" else {"encoding_format": encoding}
    told = chat_sdk.embeddings.create(model=model, input=["one", "two"], **more)
    vectors: Any = [one.embedding for one in told.data]
    if encoding == "base64":  # said by the user, it is the user's to unpack
        vectors = [list(struct.unpack("<2f", base64.b64decode(text))) for text in vectors]
    assert vectors == VECTORS


@embedders
def test_embeddings_of_genai(stage: Stage, genai: Any, upstream: str) -> None:
    model = stage.plan(upstream, embedding(upstream))
    told = genai.models.embed_content(model=model, contents=["one", "two"])
    assert [one.values for one in told.embeddings] == VECTORS


@embedders
def test_embeddings_of_ollama(stage: Stage, ollama_sdk: ollama.Client, upstream: str) -> None:
    model = stage.plan(upstream, embedding(upstream), embedding(upstream))
    assert ollama_sdk.embed(model=model, input=["one", "two"]).embeddings == VECTORS
    assert ollama_sdk.embeddings(model=model, prompt="one").embedding == VECTORS[0]


# Older calls


@every_upstream
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_completions(stage: Stage, chat_sdk: openai.OpenAI, upstream: str, stream: bool) -> None:
    model, served = stage.serve(upstream, Answer())
    told: Any = chat_sdk.completions.create(model=model, prompt="Once upon", stream=stream)
    chunks = list(told) if stream else [told]
    assert "".join(c.text for chunk in chunks for c in chunk.choices) == Answer().text
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason]
    assert reasons == ["stop"]
    assert not served.refused and served.asked[0].words == [("user", "Once upon")]


@every_upstream
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_generating(stage: Stage, ollama_sdk: ollama.Client, upstream: str, stream: bool) -> None:
    if upstream == "ollama":
        pytest.skip("a passthrough: tests/integration/e2e/test_more_endpoints.py")
    model, served = stage.serve(upstream, Answer())
    told: Any = ollama_sdk.generate(model=model, prompt="Well?", system="Be brief.", stream=stream)
    lines = list(told) if stream else [told]
    assert "".join(line.response for line in lines) == Answer().text
    assert lines[-1].done and lines[-1].eval_count == Answer().output
    assert not served.refused and served.asked[0].system == "Be brief."


# Ways of single SDKs


@every_upstream
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_beta_api_of_anthropic(
    stage: Stage, anthropic_sdk: anthropic.Anthropic, upstream: str, stream: bool
) -> None:
    """Its path has a query, and its header is for Anthropic alone."""
    model, served = stage.serve(upstream, Answer())
    params: Any = {
        "model": model,
        "max_tokens": 500,
        "messages": [{"role": "user", "content": "Well?"}],
        "betas": ["context-1m-2025-08-07", "interleaved-thinking-2025-05-14"],
    }
    messages = anthropic_sdk.beta.messages
    if stream:
        with messages.stream(**params) as events:
            message = events.get_final_message()
    else:
        message = messages.create(**params)
    assert [block.text for block in message.content if block.type == "text"] == [Answer().text]
    assert not served.refused
    sent = stage.upstream.requests[-1].header("anthropic-beta")
    if upstream == "anthropic":
        assert sent == "context-1m-2025-08-07,interleaved-thinking-2025-05-14"
    else:
        assert sent is None


@every_upstream
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_functions_that_genai_calls_itself(
    stage: Stage, genai: Any, upstream: str, stream: bool
) -> None:
    asked: list[str] = []

    def get_weather(city: str, units: str = "metric") -> dict[str, Any]:
        """The weather in a city."""
        asked.append(city)
        return {"sky": "rain", "degrees": 7}

    calls = (
        Call("call_1", "get_weather", '{"city": "Oslo"}'),
        Call("call_2", "get_weather", '{"city": "Bergen"}'),
    )
    model, served = stage.serve(upstream, Answer(text="", calls=calls), Answer())
    chat = genai.chats.create(model=model, config={"tools": [get_weather]})
    if stream:
        told = "".join(answer.text or "" for answer in chat.send_message_stream("How is it?"))
    else:
        told = chat.send_message("How is it?").text

    assert not served.refused
    assert (told, asked) == (Answer().text, ["Oslo", "Bergen"])
    schema = served.asked[0].tools["get_weather"][1]
    assert schema["properties"]["city"]["type"] == "string"
    results = served.asked[1].results
    assert all("rain" in results[at] for at in (0, 1))


@every_upstream
def test_functions_of_ollama(stage: Stage, ollama_sdk: ollama.Client, upstream: str) -> None:
    def get_weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Its name
        """
        return f"rain in {city}"

    call = Call("call_1", "get_weather", '{"city": "Oslo"}')
    model, served = stage.serve(upstream, Answer(text="", calls=(call,)), Answer())
    messages: list[Any] = [{"role": "user", "content": "How is it?"}]
    first = ollama_sdk.chat(model=model, messages=messages, tools=[get_weather])
    messages.append(first.message)
    for wanted in first.message.tool_calls or ():
        result = get_weather(**wanted.function.arguments)
        name = wanted.function.name
        messages.append({"role": "tool", "content": result, "tool_name": name})
    second = ollama_sdk.chat(model=model, messages=messages, tools=[get_weather])
    assert second.message.content == Answer().text
    assert not served.refused and served.asked[1].results == {0: "rain in Oslo"}
