import json
from typing import Any

import pytest
from mitmproxy import http

from switchyard.attempt.exhausted import exhausted_response
from switchyard.failover.attempt import AttemptFailure
from switchyard.policy.trail import Exhausted
from tests.support.runtime import FORMATS
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import error_of
from tests.support.runtime import make_runtime
from tests.support.runtime import shown

CONFIG = """
    providers:
      - {name: one, base-url: "https://one.example/v1", api-key: own-chat-key-1,
         models: [{name: m, context-window: 1000}]}
      - {name: two, base-url: "https://two.example/v1", api-key: own-chat-key-2,
         models: [{name: n, context-window: 9000}]}
    combos: {s: [one/m, two/n]}
    retry: {request-retry: 0}
"""
QUOTA = (429, {"error": {"message": "used up", "type": "rate", "code": "q"}}, {"retry-after": "20"})
BUSY = (503, {"error": {"message": "busy", "type": "server_error", "code": None}}, {})
AUTH = (401, {"error": {"message": "who are you", "type": "auth", "code": "bad_key"}}, {})
WRONG = (400, {"error": {"message": "bad value", "type": "invalid_request_error", "param": "x",
                         "code": "c"}}, {})  # fmt: skip
LONG = (400, {"error": {"message": "too long", "type": "invalid_request_error", "param": "messages",
                        "code": "context_length_exceeded"}}, {})  # fmt: skip


def all_failing(
    format: str, model: str, *seen: Any, pipeline: Pipeline | None = None
) -> http.Response:
    """The client's answer after these failures, one for each attempt."""
    pipeline = pipeline or Pipeline(make_runtime(CONFIG))
    flow = call_flow(pipeline.runtime, format, model)
    pipeline.begin(flow)
    for one in seen:
        attempt = pipeline.attempt(flow)
        assert attempt.request is not None
        if isinstance(one, AttemptFailure):
            pipeline.fail(attempt, one)
        else:
            status, body, headers = one
            pipeline.answer(attempt, body, status, headers)
    last = pipeline.attempt(flow)
    assert last.answer is not None
    assert last.request is None
    pipeline.over(flow, last.answer)
    assert not any(key in shown(last.answer) for key in OWN_KEYS)
    return last.answer


def attempts_of(answer: http.Response) -> list[dict]:
    error = json.loads(answer.content or b"")["error"]
    return error["switchyard"]["attempts"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_most_telling_error_is_told_with_all_that_was_tried(format: str) -> None:
    answer = all_failing(format, "s", QUOTA, BUSY)
    _, message = error_of(answer, format, 429)
    assert message == (
        "All 2 attempts failed. Most relevant: provider 'one', model 'm': status 429: used up"
    )
    assert answer.headers["retry-after"] in ("19", "20", "1", "2"), answer.headers
    assert answer.headers["x-switchyard-provider"] == "one"
    assert answer.headers["x-switchyard-model"] == "m"
    assert answer.headers["x-switchyard-attempts"] == "2"
    first, second = attempts_of(answer)
    assert first.pop("seconds") >= 0
    assert first == {"provider": "one", "model": "m", "status": 429, "class": "quota",
                     "reason": "used up"}  # fmt: skip
    assert (second["provider"], second["status"], second["class"]) == ("two", 503, "overload")


@pytest.mark.parametrize("format", FORMATS)
def test_one_failure_is_told_by_itself(format: str) -> None:
    answer = all_failing(format, "one/m", AUTH)
    _, message = error_of(answer, format, 401)
    assert message == (
        "provider 'one', model 'm': status 401: who are you "
        "(check this provider's api-key in the configuration)"
    )
    assert "retry-after" not in answer.headers
    assert len(attempts_of(answer)) == 1


@pytest.mark.parametrize(
    ("seen", "status", "said"),
    [
        (AttemptFailure("connect", "connection refused", "connect"), 502, "connection refused"),
        (
            AttemptFailure("timeout", "no first byte in 60 s", "first-byte"),
            504,
            "no first byte in 60 s",
        ),
        ((302, {}, {"location": "https://evil.example"}), 502, "status 302: "),
    ],
)
def test_failures_without_an_error_status(seen: object, status: int, said: str) -> None:
    answer = all_failing("anthropic", "one/m", seen)
    assert said in error_of(answer, "anthropic", status)[1]
    assert "evil.example" not in shown(answer)


def test_the_clients_own_mistake_is_told_as_the_upstream_told_it() -> None:
    answer = all_failing("openai-chat", "s", WRONG)
    assert answer.status_code == 400
    assert json.loads(answer.content or b"") == WRONG[1]
    answer = all_failing("anthropic", "s", WRONG)
    assert error_of(answer, "anthropic", 400) == ("invalid_request_error", "bad value")


def test_a_mistake_met_second_is_told_with_all_attempts() -> None:
    answer = all_failing("openai-chat", "s", BUSY, WRONG)
    assert error_of(answer, "openai-chat", 400)[1] == "bad value"
    assert [one["status"] for one in attempts_of(answer)] == [503, 400]
    assert answer.headers["x-switchyard-provider"] == "two"


def test_a_request_too_long_for_all_is_told_as_it_is() -> None:
    answer = all_failing("openai-chat", "s", LONG, LONG)
    error = json.loads(answer.content or b"")["error"]
    assert answer.status_code == 400
    assert error["code"] == "context_length_exceeded"
    assert [one["class"] for one in error["switchyard"]["attempts"]] == ["context-length"] * 2


@pytest.mark.parametrize("format", FORMATS)
def test_when_all_rest_nothing_is_sent(format: str) -> None:
    pipeline = Pipeline(make_runtime(CONFIG))
    all_failing("openai-chat", "one/m", QUOTA, pipeline=pipeline)
    answer = all_failing(format, "one/m", pipeline=pipeline)
    _, message = error_of(answer, format, 429)
    assert message.startswith("No provider can serve model 'one/m' right now: ")
    assert "cooling down after failures" in message
    assert message.endswith("Last error of provider 'one': HTTP status 429 (q)")
    assert answer.headers["retry-after"] in ("19", "20")
    assert answer.headers["x-switchyard-attempts"] == "0"
    assert "x-switchyard-provider" not in answer.headers
    (blocked,) = attempts_of(answer)
    assert (blocked["provider"], blocked["tried"]) == ("one", False)


@pytest.mark.parametrize(
    ("reason", "status", "said"),
    [
        ("busy", 429, "every key is at its limit of concurrent requests"),
        ("deadline", 503, "the deadline for attempts has passed"),
        ("all-out", 503, "cooling down after failures"),
    ],
)
@pytest.mark.parametrize(("retry_at", "told"), [(None, None), (103.2, "4"), (90.0, "1")])
def test_why_nothing_was_tried(
    reason: Any, status: int, said: str, retry_at: float | None, told: str | None
) -> None:
    runtime = make_runtime(CONFIG)
    exchange = Pipeline(runtime).begin(call_flow(runtime, "openai-responses", "s"))
    answer = exhausted_response(exchange, Exhausted(reason, retry_at), 100.0)
    assert said in error_of(answer, "openai-responses", status)[1]
    assert answer.headers.get("retry-after") == told


def test_anthropics_word_for_overloaded_is_529() -> None:
    runtime = make_runtime(CONFIG)
    exchange = Pipeline(runtime).begin(call_flow(runtime, "anthropic", "s"))
    answer = exhausted_response(exchange, Exhausted("deadline", None), 100.0)
    assert error_of(answer, "anthropic", answer.status_code)[0] == "overloaded_error"
    assert answer.status_code in (503, 529)


MONEY = (402, {"error": {"message": "out of credit", "type": "billing", "code": None}}, {})


@pytest.mark.parametrize("format", FORMATS)
def test_money_that_is_missing_stays_402(format: str) -> None:
    answer = all_failing(format, "one/m", MONEY)
    _, message = error_of(answer, format, 402)
    assert message == "provider 'one', model 'm': status 402: out of credit"


@pytest.mark.parametrize("format", FORMATS)
def test_a_402_that_names_its_end_is_a_limit(format: str) -> None:
    status, body, _ = MONEY
    answer = all_failing(format, "one/m", (status, body, {"retry-after": "20"}))
    error_of(answer, format, 429)
    assert answer.headers["retry-after"] in ("19", "20")
