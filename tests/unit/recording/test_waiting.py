"""Which waiting calls are named, when, and why they wait."""

import time

import pytest
from mitmproxy import http

from switchyard.exchange.exchange import Exchange
from switchyard.failover.attempt import AttemptFailure
from switchyard.recording.waiting import Stalls
from switchyard.recording.waiting import Waiting
from switchyard.recording.waiting import why
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply


def begun(model: str = "m", stream: bool = True, config: str | None = None):
    runtime = make_runtime(config) if config else make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", model, stream=stream)
    return pipeline, flow, pipeline.begin(flow)


def seconds_named(waiting: Waiting, exchange: Exchange, *looks: float) -> list[float]:
    """At which of these seconds of its waiting the call is named."""
    begin = exchange.call.started
    return [
        seconds
        for seconds in looks
        if any(
            round(waited) == seconds for _, waited, _ in waiting.due([exchange], begin + seconds)
        )
    ]


def test_a_call_is_named_ever_less_often() -> None:
    pipeline, flow, exchange = begun()
    pipeline.attempt(flow)
    looks = (1, 9, 10, 11, 19, 20, 21, 39, 40, 79, 80)
    assert seconds_named(Waiting(10.0), exchange, *looks) == [10, 20, 40, 80]


def test_a_whole_answer_may_take_longer() -> None:
    pipeline, flow, exchange = begun(stream=False)
    pipeline.attempt(flow)
    assert seconds_named(Waiting(10.0), exchange, 10, 29, 30, 59, 60) == [30, 60]


def test_what_is_answered_waits_no_more() -> None:
    pipeline, flow, exchange = begun()
    attempt = pipeline.attempt(flow)
    waiting = Waiting(10.0)
    assert seconds_named(waiting, exchange, 10) == [10]
    pipeline.answer(attempt, reply())
    assert exchange.winner is not None
    assert seconds_named(waiting, exchange, 20, 40, 80) == []


def test_why_an_attempt_takes_long() -> None:
    pipeline, flow, exchange = begun("chat/m")
    attempt = pipeline.attempt(flow)
    now = time.monotonic()
    assert why(exchange, now) == "no response from chat/m yet, attempt 1"
    assert attempt.receiver is not None
    attempt.receiver.start(http.Response.make(200, b"", {"content-type": "text/event-stream"}))
    assert why(exchange, now) == "a response without output from chat/m yet, attempt 1"


ONE_AT_A_TIME = """
    providers:
      - {name: one, base-url: "https://one.example/v1", models: [m],
         api-key-entries: [{api-key: own-chat-key-1, max-concurrency: 1}]}
"""
RETRIED = """
    providers: [{name: one, base-url: "https://one.example/v1", models: [m], api-key: own-key-11}]
    retry: {request-retry: 3, max-retry-interval: 60s}
    cooldown: {base: 20s, jitter: 0}
"""


@pytest.mark.parametrize("stream", [True, False])
def test_why_a_call_waits_for_a_key(stream: bool) -> None:
    pipeline, flow, _ = begun(stream=stream, config=ONE_AT_A_TIME)
    pipeline.attempt(flow)
    other = call_flow(pipeline.runtime, "openai-chat", "m", stream=stream)
    second = pipeline.begin(other)
    assert pipeline.attempt(other).wait is not None
    assert why(second, time.monotonic()) == "every key is at its limit of concurrent requests"
    assert seconds_named(Waiting(10.0), second, 10) == [10], "it waits for us, not for an answer"


def test_why_a_call_waits_for_a_cooldown() -> None:
    pipeline, flow, exchange = begun(config=RETRIED)
    pipeline.fail(pipeline.attempt(flow), AttemptFailure("connect", "refused", "connect"))
    assert pipeline.attempt(flow).wait is not None
    said = why(exchange, time.monotonic())
    assert said.startswith("all targets cool down; the next attempt is in ")


WORD = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n'
PING = b": ping\n\n"


def test_a_stream_that_stalls_is_named_ever_less_often() -> None:
    pipeline, flow, exchange = begun("chat/m")
    receiver = pipeline.attempt(flow).receiver
    assert receiver is not None
    receiver.start(http.Response.make(200, b"", {"content-type": "text/event-stream"}))
    stalls = Stalls(10.0)
    assert stalls.due([exchange], 0.0) == [], "it has no output yet"
    receiver.data(WORD)
    assert exchange.winner is not None

    def named(*looks: float) -> list[float]:
        return [round(silent) for now in looks for _, silent, _ in stalls.due([exchange], now)]

    assert named(100, 109, 110, 119, 120, 121, 139, 140) == [10, 20, 40]
    receiver.data(PING)
    assert named(179, 180) == [80], "a ping is no output"
    receiver.data(WORD)
    assert named(260, 269) == [], "it goes on"
    ((_, _, said),) = stalls.due([exchange], 270)
    assert said == "no more output from chat/m, attempt 1"
    receiver.data(b"data: [DONE]\n\n")
    receiver.end()
    assert named(300, 400) == [], "it is complete"
