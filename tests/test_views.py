import io
import re

import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter

from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c",
           "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip


def dump(flow: http.HTTPFlow) -> bytes:
    """The flow as `mitmdump -w` saves it."""
    out = io.BytesIO()
    FlowWriter(out).add(flow)
    return out.getvalue()


def test_an_answer_at_once_has_a_comment_and_no_mark() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "chat/m")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, reply())
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert re.fullmatch(r"chat/m: chat ok, 1 attempt, 0\.\d s, 5 tokens in, 2 out", flow.comment), (
        flow.comment
    )
    assert flow.marked == ""


def test_the_comment_tells_the_route_taken() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "anthropic", "stack")
    pipeline.begin(flow)
    for _ in range(2):
        pipeline.answer(pipeline.attempt(flow), {"error": {"message": "slow down"}}, 429)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, MESSAGE)
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    wanted = r"stack: chat 429 -> chat 429 -> claude ok, 3 attempts, 0\.\d s, 1 tokens in, 1 out"
    assert re.fullmatch(wanted, flow.comment), flow.comment
    assert flow.marked == ":orange_circle:"
    assert not any(key.encode() in dump(flow) for key in OWN_KEYS)


def test_a_request_that_nobody_answered_is_marked() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), {"error": {"message": "own-claude-key"}}, 401)
    pipeline.over(flow, pipeline.attempt(flow).answer)
    assert flow.comment.startswith("c: claude 401, 1 attempt, ")
    assert flow.marked == ":red_circle:"
    assert b"own-claude-key" not in dump(flow)


def test_a_client_that_left_is_marked() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "m", headers={"x-api-key": CLIENT_KEY})
    pipeline.begin(flow)
    pipeline.attempt(flow)
    pipeline.over(flow)
    assert flow.comment.startswith("m: chat unfinished, 1 attempt, ")
    assert flow.marked == ":red_circle:"
    assert CLIENT_KEY.encode() not in dump(flow)


@pytest.mark.parametrize("model", ["\ud83d", "a\nb\x00c\r", "模" * 5000, "a" * 100_000])
def test_a_flow_with_any_models_name_can_be_saved(model: str) -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", f"open/{model}"[:200])
    pipeline.begin(flow)
    exchange = runtime.exchanges.get(flow)
    assert exchange is not None
    exchange.model = model
    pipeline.over(flow)
    assert dump(flow)
    assert len(flow.comment) < 200
    assert "\n" not in flow.comment


def test_the_comment_tells_that_an_answer_was_translated() -> None:
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "c")
    pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, MESSAGE)
    assert attempt.receiver is not None
    pipeline.over(flow, attempt.receiver.head())
    assert ", anthropic for openai-chat, 1 tokens in, 1 out" in flow.comment
