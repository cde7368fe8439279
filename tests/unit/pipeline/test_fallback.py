import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from pydantic import SecretStr

from switchyard.attempt.failure import passed_on
from switchyard.attempt.failure import what_went_wrong
from switchyard.exchange.secrets import scrubbed
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.wire.model.errors import ApiError
from switchyard.wire.outcome import Problem
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running
from tests.support.runtime import shown

SSE = {"content-type": "text/event-stream"}
WORD = b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"}}]}\n\n'


def begun(model: str = "stack", *, stream: bool = False, format: str = "openai-chat"):
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, model, stream=stream, headers={"x-api-key": CLIENT_KEY})
    return pipeline, flow, pipeline.begin(flow)


@pytest.mark.parametrize(
    ("status", "body", "cls", "mark"),
    [
        (401, {"error": {"message": "bad key"}}, "credential", "401"),
        (402, {"error": {"message": "pay"}}, "quota", "402"),
        (429, {"error": {"message": "slow down"}}, "quota", "429"),
        (404, {"error": {"message": "no such model", "code": "model_not_found"}}, "model", "404"),
        (500, {"error": {"message": "oops"}}, "overload", "500"),
        (503, b"<html>busy</html>", "overload", "503"),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
         "overload", "529"),
        (200, {"error": {"message": "overloaded", "code": 503}}, "overload", "body"),
        (200, b'data: {"error": {"message": "overloaded", "code": 503}}\n\n', "overload", "event"),
        (200, b"data: [DONE]\n\n", "empty", "empty"),
        (200, b"<html>", "overload", "malformed"),
        (200, b"", "empty", "empty"),
    ],
)  # fmt: skip
def test_how_an_answer_is_judged(status: int, body, cls: str, mark: str) -> None:
    pipeline, flow, exchange = begun(stream=True)
    attempt = pipeline.attempt(flow)
    assert pipeline.answer(attempt, body, status) == b""
    assert attempt.again
    assert running(exchange).judged
    (failure,) = exchange.failures
    assert (failure.record.cls, failure.mark) == (cls, mark)
    assert failure.record.provider == "chat"


@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (AttemptFailure("connect", "connection refused", "connect"), "connect", 502),
        (AttemptFailure("timeout", "no connection in 5 s", "connect"), "connect", 502),
        (AttemptFailure("timeout", "no first byte in 60 s", "first-byte"), "timeout", 504),
        (AttemptFailure("reset", "the connection broke"), "reset", 502),
        (AttemptFailure("answer", ""), "malformed", 503),
    ],
)
def test_how_a_broken_connection_is_judged(failure: AttemptFailure, kind: str, status: int) -> None:
    pipeline, flow, exchange = begun()
    pipeline.fail(pipeline.attempt(flow), failure)
    (seen,) = exchange.failures
    assert seen.kind == kind
    assert seen.status is None
    assert (seen.client_status == status) or kind == "malformed"


def test_a_wrong_request_is_not_tried_elsewhere() -> None:
    pipeline, flow, exchange = begun()
    attempt = pipeline.attempt(flow)
    body = {"error": {"message": "'x' is not of type 'array'", "type": "invalid_request_error",
                      "param": "messages", "code": None}}  # fmt: skip
    pipeline.answer(attempt, body, 400)
    last = pipeline.attempt(flow)
    assert last.request is None
    assert error_of(last.answer, "openai-chat", 400)[1] == "'x' is not of type 'array'"
    assert last.answer is not None
    assert json.loads(last.answer.content or b"") == body, "the upstream's own words"
    assert exchange.attempts == 1
    assert pipeline.runtime.state.health.snapshot(0.0)[0].failures == 0


def test_the_providers_term_is_kept_to() -> None:
    pipeline, flow, exchange = begun("c", format="anthropic")
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, {"error": {"message": "limit"}}, 429, {"retry-after": "33"})
    assert exchange.failures[0].record.retry_at is not None
    answer = pipeline.attempt(flow).answer
    assert answer is not None
    assert 32 <= int(answer.headers["retry-after"]) <= 33


def test_a_good_answer_ends_the_attempt_with_its_tokens() -> None:
    pipeline, flow, exchange = begun("m")
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, reply())
    (row,) = pipeline.runtime.state.health.snapshot(0.0)
    assert (row.in_flight, row.successes) == (1, 1)
    assert attempt.receiver is not None
    state = running(exchange)
    pipeline.over(flow, attempt.receiver.head())
    assert exchange.answered
    assert state.judged
    (row,) = pipeline.runtime.state.health.snapshot(0.0)
    assert (row.in_flight, row.successes, row.failures) == (0, 1, 0)


def test_a_failure_after_output_is_judged_when_the_stream_is_over() -> None:
    pipeline, flow, exchange = begun("m", stream=True)
    attempt = pipeline.attempt(flow)
    receiver = attempt.receiver
    assert receiver is not None
    pipeline.answer(attempt, WORD)
    assert receiver.committed
    assert receiver.failed, "no finish reason and no [DONE]"
    pipeline.over(flow, receiver.head())
    assert not exchange.answered
    assert exchange.broke_off
    (failure,) = exchange.failures
    assert failure.kind == "cut"
    assert failure.record.after_output
    (row,) = pipeline.runtime.state.health.snapshot(0.0)
    assert (row.in_flight, row.failures) == (0, 1)


def test_a_client_that_leaves_is_no_failure_of_the_upstream() -> None:
    pipeline, flow, exchange = begun("m", stream=True)
    attempt = pipeline.attempt(flow)
    assert attempt.receiver is not None
    pipeline.over(flow)
    assert exchange.failures == []
    assert not exchange.answered
    (row,) = pipeline.runtime.state.health.snapshot(0.0)
    assert (row.in_flight, row.failures, row.successes) == (0, 0, 0)


def test_what_has_no_exchange_is_left_alone() -> None:
    pipeline, _, _ = begun()
    flow = client_flow(pipeline.runtime, "/health")
    pipeline.over(flow)
    pipeline.over(flow, None)
    assert flow.comment == ""


def test_a_verdict_without_an_exchange_fails_closed() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/messages", {})
    attempt = Attempt(flow=flow, number=1, request=flow.request, again=True)
    Pipeline(runtime).fail(attempt)
    assert attempt.request is None
    assert not attempt.again
    error_of(attempt.answer, "anthropic", 500)


@pytest.mark.parametrize("place", ["message", "code", "type", "param", "request_id", "elsewhere"])
@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_key_that_the_upstream_quotes_is_not_passed_on(place: str, status: int) -> None:
    runtime = make_runtime(CONFIG + "    retry: {request-retry: 0}\n")
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "open/x", headers={"x-api-key": CLIENT_KEY})
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    running(exchange).key = SecretStr("own-open-key")
    said = f"refused: own-open-key (client: {CLIENT_KEY})"
    error = {"type": "invalid_request_error", "message": "no good", place: said}
    pipeline.answer(attempt, {"error": error, place: said}, status)
    answer = pipeline.attempt(flow).answer
    pipeline.over(flow, answer)
    for secret in ("own-open-key", CLIENT_KEY):
        assert secret not in shown(answer)
        assert secret not in repr(exchange.failures)
        assert secret not in repr(flow.get_state())
    _, message = error_of(answer, "openai-chat", status)
    assert ("refused: *** (client: ***)" if place == "message" else "no good") in message


def test_an_error_without_a_key_is_kept_as_it_is() -> None:
    pipeline, flow, exchange = begun()
    pipeline.attempt(flow)
    error = ApiError(message="plain", raw={"error": {"message": "plain"}}, format="openai-chat")
    assert scrubbed(running(exchange), error) is error


def test_what_an_attempt_ended_with() -> None:
    problem = Problem("status", ApiError(message="theirs", status=503), 503)
    assert what_went_wrong(AttemptFailure("answer", "ours"), problem).message == "theirs"
    assert what_went_wrong(AttemptFailure("answer", "ours"), None).message == "ours"
    late = AttemptFailure("timeout", "late", "total")
    assert what_went_wrong(late, problem).message == "theirs", "a status is worth its word"
    cut = what_went_wrong(late, Problem("cut", ApiError(message="half of it"), 200))
    assert (cut.message, cut.kind) == ("late", "timeout")
    assert what_went_wrong(AttemptFailure("reset", "gone"), None).kind == "unavailable"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"metadata": {"raw": "their words"}}}, "their words"),
        ({"error": {"metadata": {"raw": {"a": 1}}}}, ""),
        ({"error": {"metadata": "text"}}, ""),
        ({"error": "text"}, ""),
        ({}, ""),
    ],
)
def test_the_error_behind_an_error(body: dict, said: str) -> None:
    assert passed_on(body) == said


GOOGLE = """
    providers:
      - {name: g, format: gemini, base-url: https://google.example, models: [q1, q2], api-key: k}
    retry: {request-retry: 0}
"""
EXCEEDED = "You exceeded your current quota, please check your plan and billing details."


def quota(name: str) -> dict:
    """Google's refusal for want of a quota of that id."""
    violation = {"quotaId": name, "quotaDimensions": {"location": "global"}}
    details = [{"violations": [violation]}, {"retryDelay": "34s"}]
    error = {"code": 429, "message": EXCEEDED, "status": "RESOURCE_EXHAUSTED", "details": details}
    return {"error": error}


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", True),
        ("GenerateRequestsPerDayPerProject", False),
    ],
)
def test_no_more_rests_than_a_refusal_names(name: str, asked: bool) -> None:
    runtime = make_runtime(GOOGLE)
    pipeline = Pipeline(runtime)
    first = call_flow(runtime, "anthropic", "g/q1")
    pipeline.begin(first)
    pipeline.answer(pipeline.attempt(first), quota(name), 429)
    for model, sent in (("g/q1", False), ("g/q2", asked)):
        flow = call_flow(runtime, "anthropic", model)
        pipeline.begin(flow)
        attempt = pipeline.attempt(flow)
        assert (attempt.request is not None) is sent, model
        if not sent:
            assert attempt.answer is not None
            assert attempt.answer.headers["retry-after"] == "34"


@pytest.mark.parametrize("provider", ["chat/m", "claude/c"])
def test_a_term_in_words_is_kept_to_and_told(provider: str) -> None:
    runtime = make_runtime(CONFIG.replace("own-chat-key-1, ", ""))
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", provider, headers={"x-api-key": CLIENT_KEY})
    pipeline.begin(flow)
    until = datetime.now(UTC) + timedelta(days=10)
    said = f"You will regain access on {until:%Y-%m-%d} at 00:00 UTC."
    message = f"You have reached your specified API usage limits. {said}"
    error = {"type": "invalid_request_error", "message": message}
    pipeline.answer(pipeline.attempt(flow), {"type": "error", "error": error}, 400)
    for _ in range(2):
        attempt = pipeline.attempt(flow)
        assert attempt.request is None and attempt.answer is not None
        assert attempt.answer.status_code == 429
        assert 8.9 < int(attempt.answer.headers["retry-after"]) / 86_400 < 10.1
        flow = call_flow(runtime, "anthropic", provider, headers={"x-api-key": CLIENT_KEY})
        pipeline.begin(flow)
