"""Claude models on Bedrock and Vertex: through a router, with clients of both formats."""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import anthropic
import httpx2
import openai
import pytest
from anthropic._constants import ANTHROPIC_API_VERSION

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.event_stream import as_event_stream
from tests.support.event_stream import exception
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.steps import Behaviour
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream
from tests.unit.config.loading import problems

VERSIONS = {"bedrock": "bedrock-2023-05-31", "vertex": "vertex-2023-10-16"}
EVENT_STREAM = "application/vnd.amazon.eventstream"
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
KEY = "bedrock-api-key-Zm9v1234"
RICH = Answer(thinking="Hm.", text=f"As you wish: {GOOD}").with_calls(
    Call("toolu_1", "weather", '{"city": "Oslo"}')
)
MESSAGES = [{"role": "user", "content": "Well?"}]
PLATFORMS = {
    "bedrock": (f"/model/{MODEL}/invoke", f"/model/{MODEL}/invoke-with-response-stream"),
    "vertex": (f"/v1/models/{MODEL}:rawPredict", f"/v1/models/{MODEL}:streamRawPredict"),
}


@pytest.fixture
def cloud() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream
        assert not upstream.unscripted


def start(
    start_router: Callable[..., Router], cloud: Upstream, platform: str, **more: object
) -> Router:
    base = cloud.url if platform == "bedrock" else f"{cloud.url}/v1/models"
    provider = {"name": "c", "format": "anthropic", "platform": platform, "base-url": base,
                "api-key": KEY, "profile": {"auth": "bearer"}, "models": [MODEL]}  # fmt: skip
    backup = {"name": "backup", "base-url": f"{cloud.url}/backup/v1", "models": ["good"]}
    return start_router({"providers": [provider, backup], **more})


def answering(platform: str, pieces: int = 1) -> Callable[[Recorded], Behaviour]:
    """Answers as the platform does; a stream is cut into pieces of so many bytes."""

    def react(request: Recorded) -> Behaviour:
        assert request.key == KEY
        body = request.json
        assert "model" not in body
        assert body["anthropic_version"] in (VERSIONS[platform], ANTHROPIC_API_VERSION)
        whole_path, stream_path = PLATFORMS[platform]
        path = unquote(request.path)
        if path == whole_path:
            return whole(ANTHROPIC.whole(RICH))
        assert path == stream_path
        sse = b"".join(ANTHROPIC.events(RICH))
        if platform == "vertex":
            assert body["stream"] is True
            return chunked(sse)
        assert "stream" not in body
        assert request.header("accept") == EVENT_STREAM
        data = as_event_stream(sse)
        step = max(1, len(data) // pieces)
        cut = [data[at : at + step] for at in range(0, len(data), step)]
        return chunked(*cut, content_type=EVENT_STREAM)

    return react


@pytest.mark.parametrize("platform", sorted(PLATFORMS))
def test_the_official_clients_read_the_answer(
    start_router: Callable[..., Router], cloud: Upstream, platform: str
) -> None:
    cloud.on(always=answering(platform, pieces=97))
    router = start(start_router, cloud, platform)
    own = anthropic.Anthropic(base_url=router.url, api_key="any", max_retries=0)
    message = own.messages.create(model=MODEL, max_tokens=99, messages=MESSAGES)  # type: ignore[arg-type]
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    with own.messages.stream(model=MODEL, max_tokens=99, messages=MESSAGES) as stream:  # type: ignore[arg-type]
        streamed = stream.get_final_message()
    assert [block.type for block in streamed.content] == ["thinking", "text", "tool_use"]
    assert streamed.content[1].text == message.content[1].text  # type: ignore[union-attr]
    assert streamed.content[2].input == {"city": "Oslo"}  # type: ignore[union-attr]
    assert streamed.usage.output_tokens == message.usage.output_tokens
    chat = openai.OpenAI(base_url=f"{router.url}/v1", api_key="any", max_retries=0)
    completion = chat.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[call-overload]
    assert GOOD in (completion.choices[0].message.content or "")
    pieces = chat.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)  # type: ignore[call-overload]
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert GOOD in text


def post(router: Router, model: str, **more: Any) -> httpx2.Response:
    body = {"model": model, "max_tokens": 99, "messages": MESSAGES, "stream": True, **more}
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "one-2026, two-2026"}
    return httpx2.post(
        f"{router.url}/v1/messages", json=body, headers=headers, timeout=60, trust_env=False
    )


def test_features_of_the_client_reach_bedrock_in_the_body(
    start_router: Callable[..., Router], cloud: Upstream
) -> None:
    cloud.on(always=answering("bedrock"))
    router = start(start_router, cloud, "bedrock")
    answer = post(router, MODEL)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert GOOD in read_stream("anthropic", answer.content).text
    assert b"invocationMetrics" not in answer.content
    (request,) = cloud.requests
    assert request.json["anthropic_beta"] == ["one-2026", "two-2026"]
    assert "anthropic-beta" not in request.header_names()
    assert "anthropic-version" not in request.header_names()


def broken(kind: str) -> bytes:
    data = as_event_stream(b"".join(ANTHROPIC.opening(Answer())))
    match kind:
        case "exception":
            return data + exception(
                "throttlingException", "Too many tokens, please wait before trying again."
            )
        case "bit":
            wrong = bytearray(data)
            wrong[len(wrong) // 2] ^= 4
            return bytes(wrong)
    return data[:-3]


@pytest.mark.parametrize("kind", ["exception", "bit", "cut"])
def test_what_breaks_before_output_goes_to_the_next_member(
    start_router: Callable[..., Router], cloud: Upstream, kind: str
) -> None:
    cloud.on(None, chunked(broken(kind), content_type=EVENT_STREAM))
    cloud.on("good", chunked(*CHAT.events(Answer())))
    combos = {"both": [f"c/{MODEL}", "backup/good"]}
    router = start(start_router, cloud, "bedrock", combos=combos)
    answer = post(router, "both")
    assert answer.status_code == 200, answer.text
    assert GOOD in read_stream("anthropic", answer.content).text


def test_a_cut_after_output_is_an_error(
    start_router: Callable[..., Router], cloud: Upstream
) -> None:
    events = ANTHROPIC.events(Answer())
    before_the_end = as_event_stream(b"".join(events[: -len(ANTHROPIC.closing(Answer()))]))
    cloud.on(always=chunked(before_the_end[:-5], content_type=EVENT_STREAM))
    router = start(start_router, cloud, "bedrock")
    answer = post(router, MODEL)
    assert b"event: error" in answer.content


def test_errors_have_their_words(start_router: Callable[..., Router], cloud: Upstream) -> None:
    error = b'{"message":"The provided model identifier is invalid."}'
    cloud.on(always=whole(error, 400))
    router = start(start_router, cloud, "bedrock")
    answer = post(router, MODEL)
    assert answer.status_code == 400
    assert "model identifier is invalid" in answer.text


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ("platform: vertex", "platform: is for the format anthropic alone"),
        ("platform: bedrock", "platform: is for the formats anthropic and converse"),
        ("platform: vertex, format: converse", "platform: is for the format anthropic alone"),
        ("format: converse", "format: is spoken by bedrock alone"),
    ],
)
def test_a_platform_is_for_its_formats(members: str, told: str) -> None:
    (line,) = problems(f'providers: [{{name: c, {members}, base-url: "https://c.example"}}]')
    assert told in line


def test_aws_keys_are_for_bedrocks_own_calls() -> None:
    (line,) = problems(
        'providers: [{name: c, base-url: "https://c.example/v1", api-key: {aws: {}}}]'
    )
    assert "only Bedrock's own calls are signed with" in line
