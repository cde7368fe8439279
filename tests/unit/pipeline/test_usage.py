from switchyard.pipeline.usage import UsageCounting
from switchyard.usage.tally import Tally
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def answered(pipeline: Pipeline, model: str, body: dict, *before: int) -> None:
    """A call that is answered by `body`, after failures with these statuses."""
    flow = call_flow(pipeline.runtime, "openai-chat", model)
    pipeline.begin(flow)
    for status in before:
        pipeline.answer(pipeline.attempt(flow), {"error": {"message": "x"}}, status)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, body)
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())


def test_tokens_are_added_up_by_provider_and_model() -> None:
    pipeline = Pipeline(make_runtime())
    answered(pipeline, "m", reply(usage=USAGE))
    answered(pipeline, "chat/m", reply(usage=USAGE))
    answered(pipeline, "open/x", reply())
    assert pipeline.usage.totals == {
        ("chat", "m"): Tally(requests=2, input=200, output=40, cache_read=120, reasoning=10),
        ("open", "x"): Tally(requests=1, input=5, output=2),
    }


def test_cache_writes_are_counted() -> None:
    pipeline = Pipeline(make_runtime())
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 5,
             "cache_creation_input_tokens": 6}  # fmt: skip
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c",
               "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
               "stop_sequence": None, "usage": usage}  # fmt: skip
    answered(pipeline, "c", message)
    tally = pipeline.usage.totals["claude", "c"]
    assert (tally.input, tally.output, tally.cache_read, tally.cache_write) == (14, 4, 5, 6)


def test_an_answer_without_usage_is_unknown_not_nothing() -> None:
    pipeline = Pipeline(make_runtime())
    answered(pipeline, "m", reply(usage=None))
    assert pipeline.usage.totals == {("chat", "m"): Tally(requests=1, unknown=1)}


def test_failures_are_counted_where_they_happened() -> None:
    pipeline = Pipeline(make_runtime())
    answered(pipeline, "stack", {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "c",
        "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }, 401, 401)  # fmt: skip
    assert pipeline.usage.totals == {
        ("chat", "m"): Tally(requests=2, failures=2),
        ("claude", "c"): Tally(requests=1, input=1, output=1),
    }


def test_a_request_that_nobody_answered_is_counted() -> None:
    pipeline = Pipeline(make_runtime())
    flow = call_flow(pipeline.runtime, "openai-chat", "c")
    pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "x"}}, 401)
    pipeline.over(flow, pipeline.attempt(flow).answer)
    assert pipeline.usage.totals == {("claude", "c"): Tally(requests=1, failures=1)}


def test_an_answer_that_broke_off_is_one_request() -> None:
    pipeline = Pipeline(make_runtime())
    flow = call_flow(pipeline.runtime, "openai-chat", "m", stream=True)
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n')
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert pipeline.usage.totals == {("chat", "m"): Tally(requests=1, failures=1, unknown=1)}


def test_a_client_that_left_is_no_failure() -> None:
    pipeline = Pipeline(make_runtime())
    flow = call_flow(pipeline.runtime, "openai-chat", "m", stream=True)
    pipeline.begin(flow)
    pipeline.attempt(flow)
    pipeline.over(flow)
    assert pipeline.usage.totals == {("chat", "m"): Tally(requests=1, unknown=1)}


def test_what_is_no_call_is_not_counted() -> None:
    runtime = make_runtime()
    usage = addon_of(runtime, UsageCounting)
    usage.response(client_flow(runtime, "/health"))
    usage.error(client_flow(runtime, "/health"))
    assert not usage.totals
