"""Every official SDK through the router to a provider of every format, which takes nothing that
the real one would refuse."""

import base64
import json
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any
from typing import Literal

import pytest
from pydantic import BaseModel

from tests.integration.sdks.clients import CLIENTS
from tests.integration.sdks.clients.client import Client
from tests.integration.sdks.clients.client import Result
from tests.integration.sdks.clients.client import Said
from tests.integration.sdks.clients.client import Setup
from tests.integration.sdks.clients.client import Tool
from tests.integration.sdks.conftest import FORMATS
from tests.integration.sdks.conftest import Stage
from tests.integration.sdks.upstreams import PROVIDERS
from tests.integration.sdks.upstreams.provider import Served
from tests.integration.sdks.upstreams.provider import breaking
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.steps import whole

PROVING = ("openai-responses", "anthropic", "gemini")
"""Formats whose providers want a proof of the thinking that they are shown again."""

WEATHER = Tool(
    name="get_weather",
    description="The weather in a city",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Its name"},
            "units": {"type": "string", "enum": ["metric", "imperial"]},
        },
        "required": ["city"],
    },
)
CLOCK = Tool(
    name="clock",
    description="The time",
    parameters={"type": "object", "properties": {}},
)
OSLO = Call("call_w1", "get_weather", '{"city": "Oslo", "units": "metric"}')
BERGEN = Call("call_w2", "get_weather", '{"city": "Bergen"}')
NOW = Call("call_c3", "clock", "{}")
CALLS = (OSLO, BERGEN)
RAIN, NONE = Result("rain, 7°"), Result("no such city", failed=True)

PROOF = base64.b64encode(b"proof of what was thought").decode()
THOUGHTS = "Let me think. It is simple."


class Report(BaseModel):
    """What a question about the weather is to be answered with."""

    city: str
    degrees: int
    sky: Literal["clear", "cloudy"]
    notes: list[str]


REPORT = Report(city="Oslo", degrees=7, sky="cloudy", notes=["rain", "wind"])

every_client = pytest.mark.parametrize(
    "client",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == "gemini" and sys.version_info < (3, 13),
                reason="google-genai needs Python 3.13 here",
            ),
        )
        for name in FORMATS
    ],
)
every_upstream = pytest.mark.parametrize(
    "upstream",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == "gemini" and sys.version_info < (3, 13),
                reason="google-genai, which judges the requests, needs Python 3.13 here",
            ),
        )
        for name in FORMATS
    ],
)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

type Open = Callable[..., Client]


@pytest.fixture
def talk(stage: Stage, client: str, stream: bool) -> Open:
    """Opens the conversation of a test."""

    def open_talk(model: str, **more: Any) -> Client:
        setup = Setup(url=stage.router.url, model=model, stream=stream, **more)
        return CLIENTS[client](setup)

    return open_talk


def assert_ended(said: Said, talk: Client, upstream: str, answer: Answer) -> None:
    assert said.text == answer.text
    assert said.stop == (talk.calls if answer.calls else talk.ends)
    assert (said.input, said.output) == (answer.input, answer.output)
    if talk.counts_cached and upstream != "ollama":
        assert said.cached == answer.cached


def assert_taken(served: Served, stream: bool, requests: int = 1) -> None:
    assert not served.refused
    assert [asked.stream for asked in served.asked] == [stream] * requests


@streamed
@every_upstream
@every_client
def test_text(stage: Stage, client: str, upstream: str, stream: bool, talk: Open) -> None:
    answer = Answer(text="Grüße, 世界! 🚀 It\nis fine.")
    model, served = stage.serve(upstream, answer, Answer())
    one = talk(model, system="Be brief.")
    assert_ended(one.say("Well?"), one, upstream, answer)
    assert_ended(one.say("And now?"), one, upstream, Answer())
    assert_taken(served, stream, 2)
    asked = served.asked[1]
    assert asked.system == "Be brief."
    assert asked.words == [("user", "Well?"), ("assistant", answer.text), ("user", "And now?")]


@streamed
@every_upstream
@every_client
def test_tools(stage: Stage, client: str, upstream: str, stream: bool, talk: Open) -> None:
    """Two calls at once of one tool, one of which fails; then one without arguments."""
    first = Answer(text="I shall ask.", calls=CALLS)
    second = Answer(text="", calls=(NOW,))
    model, served = stage.serve(upstream, first, second, Answer())

    one = talk(model, tools=(WEATHER, CLOCK))
    said = one.say("How is it?")
    assert_ended(said, one, upstream, first)
    assert said.calls == [(call.name, call.input) for call in CALLS]
    assert len(set(said.ids)) == len(said.ids)
    if said.ids and upstream not in ("gemini", "ollama"):
        assert said.ids == [call.id for call in CALLS]
    said = one.give([RAIN, NONE])
    assert_ended(said, one, upstream, second)
    assert said.calls == [(NOW.name, {})]
    assert_ended(one.give([Result("12:30")]), one, upstream, Answer())

    assert_taken(served, stream, 3)
    for asked in served.asked:
        assert list(asked.tools) == [WEATHER.name, CLOCK.name]
        for tool in (WEATHER, CLOCK):
            description, schema = asked.tools[tool.name]
            assert description == tool.description
            assert_same_schema(schema, tool.parameters)
    last = served.asked[-1]
    assert last.words == [("user", "How is it?"), ("assistant", first.text)]
    assert last.calls == [(call.name, call.input) for call in (*CALLS, NOW)]
    assert last.results[0] == RAIN.text and last.results[2] == "12:30"
    assert NONE.text in last.results[1]
    marks = CLIENTS[client].marks_failures and upstream in ("anthropic", "gemini")
    assert last.failed == ({1} if marks else set())


def assert_same_schema(told: Any, meant: Any) -> None:
    """What `meant` says is said; dialects may say more."""
    if isinstance(meant, dict):
        if not meant.get("properties", True):
            assert not (told or {}).get("properties")
            return
        for name, member in meant.items():
            if name not in ("title", "additionalProperties", "required") or member:
                assert_same_schema(told.get(name), member) if name != "title" else None
        return
    assert told == meant or (isinstance(meant, list) and sorted(told) == sorted(meant))


def png() -> bytes:
    """One pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixel + chunk(b"IEND", b"")


@streamed
@every_upstream
@every_client
def test_an_image(stage: Stage, client: str, upstream: str, stream: bool, talk: Open) -> None:
    model, served = stage.serve(upstream, Answer())
    one = talk(model)
    assert_ended(one.say("What is this?", png()), one, upstream, Answer())
    assert_taken(served, stream)
    assert served.asked[0].images == [("image/png", png())]
    assert served.asked[0].words == [("user", "What is this?")]


@streamed
@every_upstream
@every_client
def test_a_schema(stage: Stage, client: str, upstream: str, stream: bool, talk: Open) -> None:
    model, served = stage.serve(upstream, Answer(text=REPORT.model_dump_json()))
    one = talk(model)
    assert one.parse("How is it in Oslo?", Report) == REPORT
    assert_taken(served, stream)
    told = served.asked[0].schema
    meant = Report.model_json_schema()
    assert set(told["properties"]) == set(meant["properties"])
    assert set(told["required"]) == set(meant["required"])
    assert told["properties"]["degrees"]["type"] == "integer"
    assert told["properties"]["sky"]["enum"] == ["clear", "cloudy"]
    assert told["properties"]["notes"]["items"]["type"] == "string"


@streamed
@every_upstream
@every_client
def test_thinking(stage: Stage, client: str, upstream: str, stream: bool, talk: Open) -> None:
    """Thinking is shown, and its proof is back with the provider when the tools have run."""
    first = Answer(text="", calls=CALLS, thinking=THOUGHTS, thinks=True, signature=PROOF)
    model, served = stage.serve(upstream, first, Answer(), Answer())

    one = talk(model, tools=(WEATHER,), effort="high")
    said = one.say("How is it?")
    assert_ended(said, one, upstream, first)
    assert said.calls == [(call.name, call.input) for call in CALLS]
    assert said.thinking == (THOUGHTS if served.asked[0].shown else "")
    assert_ended(one.give([RAIN, NONE]), one, upstream, Answer())
    assert_ended(one.say("Thanks."), one, upstream, Answer())

    assert_taken(served, stream, 3)
    assert served.asked[0].effort == ("on" if upstream == "ollama" else "high")
    # Chat has no words for a summary, and OpenAI gives one only to verified organisations.
    assert served.asked[0].shown == ((client, upstream) != ("openai-chat", "openai-responses"))
    returns = CLIENTS[client].returns_proofs and upstream in PROVING
    assert served.asked[1].proofs == ([PROOF] if returns else [])


@streamed
@every_upstream
@every_client
async def test_asynchronously(
    stage: Stage, client: str, upstream: str, stream: bool, talk: Open
) -> None:
    model, served = stage.serve(upstream, Answer())
    one = talk(model)
    assert await one.say_async("Well?") == Answer().text
    assert_taken(served, stream)


ERRORS: dict[str, dict[int, str]] = {
    "openai-chat": {
        400: "BadRequestError",
        401: "AuthenticationError",
        429: "RateLimitError",
        503: "InternalServerError",
        529: "InternalServerError",
    },
    "openai-responses": {
        400: "BadRequestError",
        401: "AuthenticationError",
        429: "RateLimitError",
        503: "InternalServerError",
        529: "InternalServerError",
    },
    "anthropic": {
        400: "BadRequestError",
        401: "AuthenticationError",
        429: "RateLimitError",
        503: "ServiceUnavailableError",
        529: "OverloadedError",
    },
    "gemini": {
        **dict.fromkeys((400, 401, 429), "ClientError"),
        **dict.fromkeys((503, 529), "ServerError"),
    },
    "ollama": dict.fromkeys((400, 401, 429, 503, 529), "ResponseError"),
}


@streamed
@every_upstream
@every_client
@pytest.mark.parametrize("status", [400, 401, 429, 503, 529])
def test_errors(
    stage: Stage, client: str, upstream: str, stream: bool, status: int, talk: Open
) -> None:
    words = "Sorry, this cannot be done"
    body = PROVIDERS[upstream].error(status, words)
    headers = (("retry-after", "7"),) if status == 429 else ()
    model = stage.fail(upstream, whole(body, status, headers=headers))
    one = talk(model)
    with pytest.raises(Exception) as caught:
        one.say("Well?")
    name, told, wait = one.failure(caught.value)
    assert (name, told) == (ERRORS[client][status], status)
    assert words in str(caught.value)
    if status == 429 and client != "ollama":
        assert wait is not None and 1 <= int(wait) <= 7


MID_STREAM = {
    "openai-chat": "APIError",
    "openai-responses": "ResponseFailed",
    "anthropic": "APIStatusError",
    "gemini": "ServerError",
    "ollama": "ResponseError",
}


@pytest.mark.parametrize("stream", [True], ids=["stream"])
@every_upstream
@every_client
def test_an_error_in_mid_stream(
    stage: Stage, client: str, upstream: str, stream: bool, talk: Open
) -> None:
    words = "Sorry, this cannot go on"
    model = stage.fail(upstream, breaking(PROVIDERS[upstream], words))
    one = talk(model)
    with pytest.raises(Exception) as caught:
        one.say("Well?")
    assert one.failure(caught.value)[0] == MID_STREAM[client], repr(caught.value)
    assert words in str(caught.value)


def test_every_format_is_here() -> None:
    from switchyard.wire.registry import FORMATS as KNOWN

    chat_formats = {name for name in KNOWN if name != "openai-completions"}
    assert set(FORMATS) == set(PROVIDERS) == chat_formats
    assert json.loads(REPORT.model_dump_json()) == REPORT.model_dump()
