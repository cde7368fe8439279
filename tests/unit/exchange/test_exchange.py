import pytest

from switchyard.exchange.failed_attempt import FailedAttempt
from switchyard.exchange.registry import Exchanges
from switchyard.failover.attempt import Attempt
from switchyard.policy.failures import FailureClass
from switchyard.policy.failures import SeenKind
from switchyard.policy.records import AttemptRecord
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply


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
    assert runtime.exchanges.of(Attempt(flow=two, number=1)) is second
    assert runtime.exchanges.of(Attempt(flow=two, number=1, context=first)) is first
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
    exchange.answered = True
    assert exchange.steps() == ["chat 503", "chat ok"]


def test_the_request_is_read_once_and_never_changed() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline = Pipeline(runtime)
    exchange = pipeline.begin(flow)
    before = dict(exchange.body)
    pipeline.attempt(flow)
    assert exchange.conversation is exchange.conversation
    assert not exchange.passes_through
    assert exchange.body == before


def test_a_request_that_breaks_its_formats_rules_cannot_be_read() -> None:
    runtime = make_runtime()
    flow = call_flow(runtime, "openai-chat", "c", messages=7)
    with pytest.raises(BadRequest):
        _ = Pipeline(runtime).begin(flow).conversation


def test_a_rival_shares_what_all_attempts_came_to() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "stack")
    exchange = pipeline.begin(flow)
    pipeline.attempt(flow)
    rival = exchange.beside()
    assert (rival.target, rival.current, rival.relay) == (None, None, None)
    assert exchange.target is not None
    assert rival.failures is exchange.failures
    assert rival.trail is exchange.trail
