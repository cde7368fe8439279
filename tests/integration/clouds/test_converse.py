"""Bedrock's Converse API through routers: an upstream verifies signatures and bodies, and botocore
judges both sides."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anthropic
import httpx2
import openai
import pytest
from botocore.config import Config as ClientConfig
from botocore.session import Session

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.aws_shapes import as_parameters
from tests.support.aws_shapes import faults
from tests.support.aws_shapes import service
from tests.support.converse import RICH
from tests.support.converse import WHOLE
from tests.support.converse import answer
from tests.support.event_stream import as_event_stream
from tests.support.event_stream import exception
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.sigv4 import signer_of
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

EVENT_STREAM = "application/vnd.amazon.eventstream"
NOVA = "us.amazon.nova-2-lite-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEY = "bedrock-api-key-Zm9v1234"
SECRETS = {"AKIAEXAMPLE1": "wJalr-Secret-One-9f8e7d"}
WORDS = "I look it up: \u00e6\u00f8\u00e5."
PNG = "iVBORw0KGgo="
THROTTLED = "Too many tokens, please wait before trying again."
TOOL = {"name": "weather", "description": "Tells it.", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}}}  # fmt: skip
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": [
        {"type": "text", "text": "How is Oslo? \u00fc", "cache_control": {"type": "ephemeral"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]},
    {"role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}]},
    {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "Rain.", "is_error": True}]},
]  # fmt: skip
ASKED = {"model": NOVA, "max_tokens": 99, "temperature": 0.5, "system": "Be brief.",
         "tools": [TOOL], "tool_choice": {"type": "any"}, "messages": TALK,
         "stop_sequences": ["END"]}  # fmt: skip


class Bedrock:
    """Answers requests that are rightly signed (or have the API key), and of the right shape."""

    def __init__(self) -> None:
        self.signers: list[tuple[str, str, str] | None] = []

    def __call__(self, request: Recorded) -> Behaviour:
        if request.key == KEY:
            self.signers.append(None)
        else:
            headers = dict(request.headers)
            self.signers.append(
                signer_of(request.method, request.target, headers, request.body, SECRETS)
            )
        _, _, model, method = unquote(request.path).split("/")
        operation = {"converse": "Converse", "converse-stream": "ConverseStream"}[method]
        assert not faults(operation, request.json, modelId=model)
        if method == "converse":
            return whole(json.dumps(WHOLE).encode())
        data = answer()
        cut = [data[at : at + 97] for at in range(0, len(data), 97)]
        return chunked(*cut, content_type=EVENT_STREAM)


@pytest.fixture
def cloud() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream
        assert not upstream.unscripted


def profile(folder: Path) -> dict[str, str]:
    file = folder / "credentials"
    file.write_text(
        f"[plain]\naws_access_key_id = AKIAEXAMPLE1\n"
        f"aws_secret_access_key = {SECRETS['AKIAEXAMPLE1']}\n"
    )
    return {"AWS_SHARED_CREDENTIALS_FILE": str(file)}


def start(
    start_router: Callable[..., Router], cloud: Upstream, folder: Path, **more: Any
) -> Router:
    """A router whose keys are a signature's and an API key, in turns."""
    keys = [{"aws": {"profile": "plain", "region": "eu-west-1"}}, KEY]
    provider = {"preset": "bedrock", "base-url": cloud.url, "models": [NOVA, CLAUDE],
                "api-key-entries": [{"api-key": one} for one in keys]}  # fmt: skip
    backup = {"name": "backup", "base-url": f"{cloud.url}/backup/v1", "models": ["good"]}
    config = {"providers": [provider, backup], **more}
    return start_router(config, env=profile(folder))


def official(cloud: Upstream, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in profile(folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    return Session(profile="plain").create_client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=cloud.url,
        config=ClientConfig(retries={"total_max_attempts": 1}, proxies={}),
    )


def post(router: Router, body: dict[str, Any]) -> httpx2.Response:
    headers = {"anthropic-version": "2023-06-01"}
    return httpx2.post(
        f"{router.url}/v1/messages", json=body, headers=headers, timeout=60, trust_env=False
    )


def test_the_official_client_reads_the_same_stream(
    cloud: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upstream's answers are Bedrock's own, as far as AWS' client can tell."""
    bedrock = Bedrock()
    cloud.on(always=bedrock)
    client = official(cloud, tmp_path, monkeypatch)
    asked = [{"role": "user", "content": [{"text": "Well?"}]}]
    streamed = client.converse_stream(modelId=NOVA, messages=asked)
    assert [*streamed["stream"]] == [{name: body} for name, body in RICH]
    collected = client.converse(modelId=NOVA, messages=asked)
    assert collected["output"] == WHOLE["output"] and collected["usage"] == WHOLE["usage"]
    assert bedrock.signers == [("AKIAEXAMPLE1", "eu-west-1", "bedrock")] * 2


def test_the_official_client_sends_the_same_request(
    start_router: Callable[..., Router],
    cloud: Upstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bedrock = Bedrock()
    cloud.on(always=bedrock)
    router = start(start_router, cloud, tmp_path)
    for streams in (True, False):
        told = post(router, {**ASKED, "stream": streams})
        assert told.status_code == 200, told.text
        assert "x-switchyard-dropped" not in told.headers
    client = official(cloud, tmp_path, monkeypatch)
    shape = service().operation_model("ConverseStream").input_shape
    said = as_parameters(shape, cloud.requests[0].json)
    assert [*client.converse_stream(modelId=NOVA, **said)["stream"]]
    client.converse(modelId=NOVA, **said)
    ours, theirs = cloud.requests[:2], cloud.requests[2:]
    for own, judge in zip(ours, theirs, strict=True):
        assert (own.method, own.target) == (judge.method, judge.target)
        assert own.json == judge.json
    assert ours[0].header("accept") == EVENT_STREAM
    signed = ("AKIAEXAMPLE1", "eu-west-1", "bedrock")
    assert bedrock.signers == [signed, None, signed, signed]


def test_official_clients_of_every_format_read_the_answer(
    start_router: Callable[..., Router], cloud: Upstream, tmp_path: Path
) -> None:
    cloud.on(always=Bedrock())
    router = start(start_router, cloud, tmp_path)
    own = anthropic.Anthropic(base_url=router.url, api_key="any", max_retries=0)
    known: Any = {name: value for name, value in ASKED.items() if name != "temperature"}
    with own.messages.stream(**known) as stream:
        message = stream.get_final_message()
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[2].input == {"city": "Oslo"}  # type: ignore[union-attr]
    assert message.stop_reason == "tool_use"
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (7, 9)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (30, 5)

    chat = openai.OpenAI(base_url=f"{router.url}/v1", api_key="any", max_retries=0)
    asked: Any = [{"role": "user", "content": "Well?"}]
    completion = chat.chat.completions.create(model=NOVA, messages=asked)
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason) == (WORDS, "tool_calls")
    assert completion.usage and completion.usage.prompt_tokens == 42
    pieces = chat.chat.completions.create(model=NOVA, messages=asked, stream=True)
    deltas = [piece.choices[0].delta for piece in pieces if piece.choices]
    assert "".join(one.content or "" for one in deltas) == WORDS
    response = chat.responses.create(model=NOVA, input="Well?")
    assert response.output_text == WORDS
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]

    generated = httpx2.post(
        f"{router.url}/v1beta/models/{NOVA}:generateContent", timeout=60, trust_env=False,
        json={"contents": [{"role": "user", "parts": [{"text": "Well?"}]}]},
    ).json()  # fmt: skip
    parts = generated["candidates"][0]["content"]["parts"]
    assert [part["functionCall"]["name"] for part in parts if "functionCall" in part] == ["weather"]
    lines = httpx2.post(
        f"{router.url}/api/chat", timeout=60, trust_env=False,
        json={"model": NOVA, "messages": [{"role": "user", "content": "Well?"}]},
    ).text.splitlines()  # fmt: skip
    assert "".join(json.loads(line)["message"]["content"] for line in lines) == WORDS


def test_signed_reasoning_returns_to_bedrock_with_the_next_turn(
    start_router: Callable[..., Router], cloud: Upstream, tmp_path: Path
) -> None:
    cloud.on(always=Bedrock())
    router = start(start_router, cloud, tmp_path)
    first = post(router, ASKED).json()
    result = {"type": "tool_result", "tool_use_id": "tooluse_1", "content": "Rain."}
    more = [*TALK, {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": [result]}]  # fmt: skip
    assert post(router, {**ASKED, "messages": more}).status_code == 200
    again = cloud.requests[1].json["messages"][3]["content"]
    assert again == WHOLE["output"]["message"]["content"]  # type: ignore[index]


def test_the_preset_asks_claude_by_its_own_api(
    start_router: Callable[..., Router], cloud: Upstream, tmp_path: Path
) -> None:
    stream = as_event_stream(b"".join(ANTHROPIC.events(Answer())))
    path = f"/model/{CLAUDE.replace(':', '%3A')}/invoke-with-response-stream"
    plan = cloud.on(always=chunked(stream, content_type=EVENT_STREAM), path=path)
    router = start(start_router, cloud, tmp_path)
    told = post(router, {**ASKED, "model": CLAUDE, "stream": True})
    assert GOOD in read_stream("anthropic", told.content).text
    assert plan.requests[0].json["anthropic_version"] == "bedrock-2023-05-31"


@pytest.mark.parametrize(
    "broken",
    [
        chunked(answer(RICH[:1]) + exception("throttlingException", THROTTLED),
                content_type=EVENT_STREAM),
        chunked(answer(RICH[:1])[:-3], content_type=EVENT_STREAM),
        whole(b'{"message":"The system encountered an unexpected error."}', 424),
        whole(b'{"message":"Too many requests, please wait."}', 429),
    ],
    ids=["exception", "cut", "model-error", "throttled"],
)  # fmt: skip
def test_what_breaks_before_output_goes_to_the_next_member(
    start_router: Callable[..., Router], cloud: Upstream, tmp_path: Path, broken: Behaviour
) -> None:
    cloud.on(None, broken, broken)
    cloud.on("good", chunked(*CHAT.events(Answer())))
    combos = {"both": [f"bedrock/{NOVA}", "backup/good"]}
    router = start(start_router, cloud, tmp_path, combos=combos)
    told = post(router, {**ASKED, "model": "both", "stream": True})
    assert told.status_code == 200, told.text
    assert GOOD in read_stream("anthropic", told.content).text


def test_errors_have_their_words(
    start_router: Callable[..., Router], cloud: Upstream, tmp_path: Path
) -> None:
    cloud.on(always=whole(b'{"message":"The provided model identifier is invalid."}', 400))
    told = post(start(start_router, cloud, tmp_path), ASKED)
    assert told.status_code == 400 and "model identifier is invalid" in told.text
