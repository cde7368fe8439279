from dataclasses import FrozenInstanceError
from dataclasses import fields

import pytest

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import state_of
from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.registry import Exchanges
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import SeenKind
from switchyard.policy.records import AttemptRecord
from switchyard.recording.metadata import FACTS
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running


def failed(kind: SeenKind, status: int | None, cls: FailureClass, error: ApiError) -> FailedAttempt:
    record = AttemptRecord(provider="p", model="m", credential="p#0", cls=cls)
    return FailedAttempt(record=record, kind=kind, status=status, error=error)


@pytest.mark.parametrize(
    ("kind", "status", "cls", "mark", "client_status"),
    [
        ("status", 503, "overload", "503", 503),
        ("status", 401, "credential", "401", 401),
        ("status", 403, "quota", "403", 429),
        ("status", 302, "overload", "302", 502),
        ("status", 407, "network", "407", 502),
        ("status", 777, "overload", "777", 502),
        ("body", None, "quota", "body", 429),
        ("body", None, "overload", "body", 503),
        ("event", None, "model", "event", 503),
        ("timeout", None, "network", "timeout", 504),
        ("connect", None, "network", "connect", 502),
        ("reset", None, "network", "reset", 502),
        ("empty", None, "empty", "empty", 502),
        ("malformed", None, "overload", "malformed", 502),
    ],
)
def test_what_a_failure_is_to_the_client(
    kind: SeenKind, status: int | None, cls: FailureClass, mark: str, client_status: int
) -> None:
    seen = failed(kind, status, cls, ApiError(message="x", kind="overloaded"))
    assert seen.mark == mark
    assert seen.client_status == client_status


def test_exchanges_are_found_by_their_flow() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    one, two = call_flow(runtime), call_flow(runtime)
    first, second = pipeline.begin(one), pipeline.begin(two)
    assert runtime.exchanges.get(one) is first
    assert runtime.exchanges.get(two) is second
    runtime.exchanges.end(one)
    runtime.exchanges.end(one)
    assert runtime.exchanges.get(one) is None
    assert len(runtime.exchanges) == 1
    assert Exchanges().get(two) is None


def test_the_route_taken() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "stack")
    exchange = pipeline.begin(flow)
    assert exchange.steps() == ["no attempt"]
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "busy"}}, 503)
    assert exchange.steps() == ["chat 503"]
    attempt = pipeline.attempt(flow)
    assert exchange.steps() == ["chat 503", "chat unfinished"]
    pipeline.answer(attempt, reply())
    exchange.completed = True
    assert exchange.steps() == ["chat 503", "chat ok"]


def test_the_request_is_read_once_and_never_changed() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    before = dict(exchange.call.body)
    pipeline.attempt(flow)
    assert exchange.call.conversation is exchange.call.conversation
    assert not running(exchange).passes_through
    assert exchange.call.body == before


def test_a_request_that_breaks_its_formats_rules_cannot_be_read() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", "c", messages=7)
    with pytest.raises(BadRequest):
        _ = Pipeline(runtime).begin(flow).call.conversation


def test_a_hedge_sees_nothing_of_the_attempt_that_runs() -> None:
    """Whatever the running attempt has, and whatever is added to attempts later on."""
    runtime = make_runtime(HEDGED)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "raced", seed=7, stop="END")
    exchange = pipeline.begin(flow)
    slow = state_of(pipeline.attempt(flow))
    assert slow is not None and slow is exchange.latest
    marks = {each.name: object() for each in fields(AttemptState)}
    for name, mark in marks.items():
        if name not in ("exchange", "chosen", "target"):
            setattr(slow, name, mark)
    hedge = state_of(pipeline.attempt(flow, hedge=True))
    assert hedge is not None and hedge is not slow
    assert hedge.exchange is exchange, "what all attempts came to, both see"
    seen = {name: getattr(hedge, name) for name in marks if name != "exchange"}
    shared = [name for name, value in seen.items() if value is getattr(slow, name)]
    assert shared == []
    assert (hedge.number, hedge.target.provider.name) == (2, "two")
    assert exchange.shown is slow, "until the hedge answers"


def test_what_an_attempt_sets_is_gone_for_the_next() -> None:
    runtime = make_runtime(HEDGED)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "raced", seed=7)
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    pipeline.answer(first, {"error": {"message": "busy"}}, 503, {"x-request-id": "r-1"})
    state = state_of(pipeline.attempt(flow))
    assert state is not None and state.number == 2
    assert (state.upstream_headers, state.refusal, state.judged) == (None, None, False)
    assert exchange.latest is state and exchange.winner is None


def test_a_hedge_that_answers_stands_for_the_exchange() -> None:
    runtime = make_runtime(HEDGED)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "raced")
    exchange = pipeline.begin(flow)
    slow = pipeline.attempt(flow)
    fast = pipeline.attempt(flow, hedge=True)
    pipeline.answer(fast, MESSAGE)
    pipeline.lose(slow)
    assert exchange.winner is state_of(fast) and exchange.shown is exchange.winner
    assert fast.receiver is not None
    pipeline.over(flow, fast.receiver.head())
    assert exchange.answered and flow.metadata[FACTS]["route"] == ["two ok"]


def test_a_call_cannot_be_changed() -> None:
    runtime = make_runtime()
    exchange = Pipeline(runtime).begin(call_flow(runtime))
    with pytest.raises(FrozenInstanceError):
        exchange.call.model = "another"  # pyright: ignore[reportAttributeAccessIssue]


HEDGED = """
    providers:
      - {name: one, base-url: "https://one.example/v1", models: [m], api-key: own-one-key}
      - {name: two, base-url: "https://two.example", models: [n], format: anthropic,
         api-key: own-two-key}
    combos: {raced: {members: [one/m, two/n], hedge-after: 1s}}
"""
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "n",
           "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
