"""How a call's outcome is worded."""

from copy import copy
from typing import Any

import pytest
from mitmproxy import flow as flow_error
from mitmproxy import http

from switchyard.recording.call_text import comment_of
from switchyard.recording.call_text import outcome_of
from switchyard.recording.call_text import reason_of
from switchyard.wire.model.errors import ApiError
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply


def ended(model: str, *answers: tuple[dict[str, Any], int]):
    """A call's exchange and flow once it got these answers; without an end after the last one."""
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", model)
    pipeline.begin(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    attempt = None
    for body, status in answers:
        attempt = pipeline.attempt(flow)
        pipeline.answer(attempt, body, status)
    return pipeline, flow, exchange, attempt


@pytest.mark.parametrize(("failures", "outcome"), [(0, "ok"), (1, "retried")])
def test_an_answered_call(failures: int, outcome: str) -> None:
    answers = [({"error": {"message": "slow down"}}, 429)] * failures + [(reply(), 200)]
    pipeline, flow, exchange, attempt = ended("chat/m", *answers)
    assert attempt is not None and attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert outcome_of(exchange, flow) == outcome


def test_a_failed_call_says_why_without_keys() -> None:
    said = {"error": {"message": "Incorrect API key provided: own-claude-key"}}
    pipeline, flow, exchange, _ = ended("c", (said, 401))
    pipeline.over(flow, pipeline.attempt(flow).answer)
    assert outcome_of(exchange, flow) == "failed"
    reason = reason_of(exchange, flow)
    assert reason.startswith("Incorrect API key provided")
    assert not any(key in reason for key in OWN_KEYS)


def test_a_model_that_is_none_has_its_error_in_the_comment() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "nobody/has-this")
    with pytest.raises(AssertionError, match="404"):
        pipeline.begin(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    pipeline.over(flow, flow.response)
    assert outcome_of(exchange, flow) == "failed"
    assert comment_of(exchange, flow).startswith("nobody/has-this: no attempt, 0.")
    assert "404 " in comment_of(exchange, flow)


def test_a_client_that_went_before_any_attempt() -> None:
    _, flow, exchange, _ = ended("m")
    flow.error = flow_error.Error("Client disconnected.")
    assert outcome_of(exchange, flow) == "left"


def test_a_refusal_inside_a_stream_has_its_reason() -> None:
    _, flow, exchange, _ = ended("m")
    exchange.denial = ApiError(message="Key 'ann' may not.", kind="rate_limit")
    flow.response = http.Response.make(200, b"data: {}", {"content-type": "text/event-stream"})
    assert reason_of(exchange, flow) == "429 Key 'ann' may not."
    assert "429 Key 'ann' may not" in comment_of(exchange, flow)


def test_a_client_that_went() -> None:
    pipeline, flow, exchange, _ = ended("m")
    pipeline.attempt(flow)
    running = copy(exchange)  # the exchange itself is released in the end
    pipeline.over(flow)
    assert outcome_of(running, flow) == "left"
