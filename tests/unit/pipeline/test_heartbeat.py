import json

import pytest

from switchyard.attempt.heartbeat import ExchangeHeart
from switchyard.exchange.responses import error_response
from switchyard.failover.attempt import Attempt
from switchyard.pipeline.heartbeat import Heartbeat
from switchyard.wire.model.errors import ApiError
from tests.support.runtime import CONFIG
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

BEATS = {
    "openai-chat": b": keepalive\n\n",
    "anthropic": b'event: ping\ndata: {"type":"ping"}\n\n',
    "openai-responses": b": keepalive\n\n",
}


def heart_of(format: str, *, stream: bool = True) -> tuple[Attempt, Pipeline]:
    runtime = make_runtime(CONFIG + "    heartbeat: {after: 3s, every: 4s}\n")
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, stream=stream)
    pipeline.begin(flow)
    return pipeline.attempt(flow), pipeline


@pytest.mark.parametrize("format", BEATS)
def test_a_client_that_waits_for_a_stream_is_kept_waiting(format: str) -> None:
    attempt, _ = heart_of(format)
    heart = attempt.heart
    assert heart is not None
    assert (heart.after, heart.every, heart.beat) == (3.0, 4.0, BEATS[format])
    head = heart.head()
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in head.headers
    assert head.headers["x-switchyard-attempts"] == "1"


@pytest.mark.parametrize("format", FORMATS)
def test_a_client_that_wants_json_has_no_heart(format: str) -> None:
    assert heart_of(format, stream=False)[0].heart is None


def test_a_format_that_cannot_say_nothing_has_no_heart() -> None:
    assert heart_of("gemini")[0].heart is None


def test_a_wait_between_attempts_has_a_heart_too() -> None:
    attempt, pipeline = heart_of("anthropic")
    for _ in range(2):
        pipeline.answer(attempt, {"error": {"message": "overloaded"}}, 529)
        attempt = pipeline.attempt(attempt.flow)
        if attempt.wait is not None:
            break
    assert attempt.request is None
    assert attempt.heart is not None


def events(data: bytes) -> list[dict]:
    lines = [line for line in data.split(b"\n") if line.startswith(b"data: {")]
    return [json.loads(line.removeprefix(b"data: ")) for line in lines]


@pytest.mark.parametrize("format", BEATS)
def test_an_answer_that_is_an_error_ends_the_stream(format: str) -> None:
    attempt, pipeline = heart_of(format)
    exchange = pipeline.runtime.exchanges.get(attempt.flow)
    assert exchange is not None
    assert attempt.heart is not None
    answer = error_response(
        exchange.call.format, ApiError(message="all is lost", kind="overloaded")
    )
    told = attempt.heart.closing(answer)
    event = events(told)[-1]
    error = event.get("error") or event["response"]["error"]
    assert error["message"] == "all is lost"
    if format == "anthropic":
        assert told.startswith(b"event: error\n")
        assert event["type"] == "error"
    if format == "openai-responses":
        assert event["type"] == "response.failed"


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}"])
def test_an_answer_that_tells_no_error_ends_the_stream_too(content: bytes) -> None:
    attempt, pipeline = heart_of("openai-chat")
    exchange = pipeline.runtime.exchanges.get(attempt.flow)
    assert exchange is not None
    answer = error_response(exchange.call.format, ApiError(message="x"))
    answer.content = content
    (event,) = events(ExchangeHeart(exchange, 1.0, 1.0).closing(answer))
    assert event["error"]["message"] == "No provider could answer."


def test_what_has_no_exchange_is_left_alone() -> None:
    runtime = make_runtime()
    attempt = Attempt(flow=client_flow(runtime, "/health"), number=1)
    addon_of(runtime, Heartbeat).attempt(attempt)
    assert attempt.heart is None
