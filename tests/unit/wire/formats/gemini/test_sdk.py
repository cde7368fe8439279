"""The official SDK, google-genai, takes everything that is written for Gemini."""

import json
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.gemini import Gemini
from switchyard.wire.formats.gemini.tools import with_openapi_schemas
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from tests.unit.wire import laws
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import requests
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED

genai = pytest.importorskip("google.genai", reason="google-genai is not installed")
types = pytest.importorskip("google.genai.types")

GEMINI = Gemini()

REPLY = Reply(
    format="anthropic",
    id="msg_1",
    model="claude-x",
    choices=(
        Choice(
            parts=(
                Thinking(text="hm", signature="sig", signer="anthropic"),
                Text(
                    text="Grüße",
                    citations=(
                        Citation(url="https://a.example", start=0, end=5, format="x", raw={}),
                    ),
                ),
                ToolCall(id="toolu_1", name="weather", arguments='{"city":"Ulm"}'),
                ToolCall(id="toolu_2", name="time"),
            ),
            stop=Stop(reason="tool_calls"),
        ),
    ),
    usage=Usage(input=11, output=9, reasoning=4, cache_read=2),
)


def parse_request(body: dict[str, Any]) -> None:
    """The SDK's own types forbid members they do not know."""
    for content in body["contents"]:
        types.Content.model_validate(content)
    if "systemInstruction" in body:
        types.Content.model_validate(body["systemInstruction"])
    for tool in body.get("tools", ()):
        types.Tool.model_validate(tool)
    if "toolConfig" in body:
        types.ToolConfig.model_validate(body["toolConfig"])
    if "generationConfig" in body:
        types.GenerationConfig.model_validate(body["generationConfig"])


def parse_answer(body: dict[str, Any]) -> Any:
    """Long data was cut out of some records, which leaves dots in the base64."""
    for candidate in body.get("candidates", ()):
        for part in candidate["content"]["parts"]:
            if "..." in part.get("inlineData", {}).get("data", ""):
                part["inlineData"]["data"] = "AAAA"
    return types.GenerateContentResponse.model_validate(body)


def parse_stream(data: bytes) -> Iterator[Any]:
    for event in data.decode().split("\n\n")[:-1]:
        chunk = json.loads(event.removeprefix("data: "))
        if "error" not in chunk:
            yield parse_answer(chunk)


_CLIENTS: list[Any] = []
"""A client that nobody holds closes at once, in the middle of its own call."""


def client(answer: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> Any:
    transport = httpx.MockTransport(answer if callable(answer) else lambda request: answer)
    options = types.HttpOptions(client_args={"transport": transport})
    _CLIENTS.append(genai.Client(api_key="k", http_options=options))
    return _CLIENTS[-1]


def check(response: Any) -> None:
    assert response.text == "Grüße"
    assert [(call.id, call.name, call.args) for call in response.function_calls] == [
        ("toolu_1", "weather", {"city": "Ulm"}),
        ("toolu_2", "time", {}),
    ]
    usage = response.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (11, 2)
    assert (usage.candidates_token_count, usage.thoughts_token_count) == (5, 4)
    candidate = response.candidates[0]
    assert candidate.finish_reason == types.FinishReason.STOP
    (chunk,) = candidate.grounding_metadata.grounding_chunks
    assert chunk.web.uri == "https://a.example"
    assert (response.model_version, response.response_id) == ("claude-x", "msg_1")


def test_client_reads_a_whole_answer():
    answer = httpx.Response(200, json=GEMINI.write_reply(REPLY, ASKED))
    response = client(answer).models.generate_content(model="m", contents="Hi")
    check(response)
    assert [part.thought for part in response.candidates[0].content.parts][:1] == [True]


def test_client_reads_a_stream():
    data = laws.write_stream(GEMINI, unfold(REPLY))
    answer = httpx.Response(200, content=data, headers={"content-type": GEMINI.content_type})
    chunks = list(client(answer).models.generate_content_stream(model="m", contents="Hi"))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert "".join(p.text for p in parts if p.thought and p.text) == "hm"
    last = chunks[-1].model_copy(deep=True)
    last.candidates[0].content.parts = parts
    check(last)


def test_client_sends_the_proof_back():
    """Signatures are bytes for the SDK, which writes them in the other alphabet of base64."""
    response = types.GenerateContentResponse.model_validate(GEMINI.write_reply(REPLY, ASKED))
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json=GEMINI.write_reply(REPLY, ASKED))

    result = types.Part.from_function_response(name="weather", response={"output": "dry"})
    client(answer).models.generate_content(
        model="m",
        contents=[
            types.Content(role="user", parts=[types.Part(text="Hi")]),
            response.candidates[0].content,
            types.Content(role="user", parts=[result]),
        ],
    )
    c = GEMINI.read_request(sent[0])
    thoughts = [part for part in c.parts() if isinstance(part, Thinking)]
    assert [replace(thought, extra={}) for thought in thoughts] == [
        Thinking(text="hm", signature="sig", signer="anthropic")
    ]


def test_client_understands_errors():
    error = ApiError(message="slow down", kind="rate_limit", retry_after=3)
    status, body = GEMINI.write_error(error)
    with pytest.raises(genai.errors.ClientError) as caught:
        client(httpx.Response(status, json=body)).models.generate_content(model="m", contents="x")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    writer = GEMINI.stream_writer(ASKED)
    data = b"".join(map(writer.feed, [*unfold(REPLY)[:4], Failure(error)])) + writer.close()
    with pytest.raises(genai.errors.APIError):
        answer = httpx.Response(200, content=data)
        list(client(answer).models.generate_content_stream(model="m", contents="x"))


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_types_parse_every_recorded_request(name: str):
    for record in requests(name) if name != "gemini" else ():
        assert record.request is not None
        conversation = FORMATS[name].read_request(record.request)
        written = GEMINI.with_stream(
            GEMINI.with_model(GEMINI.write_request(conversation), "gemini-3"), True
        )
        parse_request(written)
        parse_request(with_openapi_schemas(written))


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_types_parse_every_recorded_answer(name: str):
    format = FORMATS[name]
    for record in replies(name) if name != "gemini" else ():
        if format.find_error(record.response) is not None or "contentType" in record.response:
            continue
        reply = format.read_reply(record.response)
        body = GEMINI.write_reply(reply, ASKED)
        parse_answer(body)
        assert list(parse_stream(laws.write_stream(GEMINI, unfold(reply))))


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_types_parse_every_recorded_stream(name: str):
    # Google's own answers hold members that the SDK's strict types do not know yet.
    for record in streams(name) if name != "gemini" else ():
        assert record.sse is not None
        events = laws.read_stream(FORMATS[name], record.sse.encode())
        chunks = list(parse_stream(laws.write_stream(GEMINI, events)))
        assert chunks or not any(isinstance(event, End) for event in events)


def test_listed_models_parse():
    from switchyard.wire.model.model_list import ModelEntry

    body = GEMINI.write_models([ModelEntry("glm/x", "glm", context_window=9)])
    (listed,) = client(httpx.Response(200, content=dumps(body))).models.list()
    assert (listed.name, listed.input_token_limit) == ("models/glm/x", 9)
