"""Records of requests, made of exchanges that run, ended, or never began."""

import time
from copy import copy
from typing import Any

import pytest
from mitmproxy import http

from switchyard.clients.estimates import figures_of
from switchyard.clients.estimates import used_by
from switchyard.clients.limit_gate import NO_USE
from switchyard.recording.request_record import Ending
from switchyard.recording.request_record import Rules
from switchyard.recording.request_record import record_of
from switchyard.recording.request_record import spent_in
from switchyard.runtime.usage_rules import rules_of
from switchyard.usage.records import RequestRecord
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 60},
}


def ending(status: int | None = 200, left: bool = False) -> Ending:
    return Ending(
        status=status, left=left, size=5, headed=None, at=time.monotonic(), now=time.time()
    )


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(make_runtime())


def rules(pipeline: Pipeline) -> Rules:
    return rules_of(pipeline.runtime.snapshot)


def made(pipeline: Pipeline, flow: http.HTTPFlow, end: Ending | None) -> RequestRecord:
    exchange = pipeline.runtime.exchanges.get(flow)
    assert exchange is not None
    record = record_of(exchange, rules(pipeline), end)
    alone = spent_in(exchange, rules(pipeline))
    assert used_by(record) == (figures_of(*alone) if alone is not None else NO_USE)
    return record


def begun(pipeline: Pipeline, **more: Any) -> http.HTTPFlow:
    flow = call_flow(pipeline.runtime, "openai-chat", "m", **more)
    pipeline.begin(flow)
    return flow


def test_a_request_that_runs(pipeline: Pipeline) -> None:
    flow = begun(pipeline)
    pipeline.attempt(flow)
    record = made(pipeline, flow, None)
    assert (record.state, record.asked_model, record.provider) == ("running", "m", "chat")
    assert [one.outcome for one in record.tries] == ["running"]
    assert record.end_ms is None and record.cost is None


def test_a_copy_has_the_attempts_of_a_released_exchange(pipeline: Pipeline) -> None:
    """Records that are made after the end are made of one."""
    flow = begun(pipeline)
    pipeline.answer(pipeline.attempt(flow), reply(usage=USAGE))
    exchange = pipeline.runtime.exchanges.get(flow)
    assert exchange is not None
    exchange.completed = True
    end, kept = ending(), copy(exchange)
    at_once = record_of(exchange, rules(pipeline), end)
    pipeline.over(flow, http.Response.make(200))
    later = record_of(kept, rules(pipeline), end)
    assert [one.outcome for one in later.tries] == ["ok"]
    assert (later.tokens, later.tries[0].end_ms) == (at_once.tokens, at_once.tries[0].end_ms)
    assert not exchange.tries


def test_failures_and_an_answer(pipeline: Pipeline) -> None:
    flow = begun(pipeline)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "busy"}}, 429)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, reply(usage=USAGE))
    running = made(pipeline, flow, None)
    assert running.tokens.input == 40, "what is known of a request that runs"
    exchange = pipeline.runtime.exchanges.get(flow)
    assert exchange is not None
    exchange.completed = True
    record = record_of(exchange, rules(pipeline), ending())
    assert [one.outcome for one in record.tries] == ["quota", "ok"]
    assert [one.number for one in record.tries] == [1, 2]
    assert (record.state, record.source, record.attempts) == ("complete", "reported", 2)
    assert (record.tokens.input, record.tokens.cache_read, record.tokens.output) == (40, 60, 20)
    assert record.tries[1].credential == "chat#1" and record.error is None


def test_a_client_that_left_before_an_answer(pipeline: Pipeline) -> None:
    flow = begun(pipeline)
    pipeline.attempt(flow)
    record = made(pipeline, flow, ending(None, left=True))
    assert (record.state, record.source, record.status) == ("client-left", "none", None)
    assert [one.outcome for one in record.tries] == ["client-left"]


@pytest.mark.parametrize(("status", "counts"), [(200, True), (503, False)])
def test_a_client_that_left_between_head_and_output(
    pipeline: Pipeline, status: int, counts: bool
) -> None:
    flow = begun(pipeline)
    receiver = pipeline.attempt(flow).receiver
    assert receiver is not None
    receiver.start(http.Response.make(status, headers={"content-type": "text/event-stream"}))
    record = made(pipeline, flow, ending(None, left=True))
    assert (record.source, bool(record.tokens.input)) == (("counted", True) if counts else
                                                          ("none", False))  # fmt: skip
    assert record.tokens.output is None


def test_names_are_bounded(pipeline: Pipeline) -> None:
    flow = begun(pipeline, headers={"x-switchyard-project": "a\tb" + "x" * 500})
    record = made(pipeline, flow, None)
    assert record.project is not None
    assert record.project.startswith("a bx") and len(record.project) == 200
