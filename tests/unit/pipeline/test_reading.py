import json

import pytest
from mitmproxy import http

from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.pipeline.reading import Reading
from switchyard.pipeline.translation import upstream_streams
from tests.support.runtime import FORMATS
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply
from tests.support.runtime import running

CHUNKS = b"".join(
    b"data: " + json.dumps({"id": "c1", "model": "m", "choices": [choice]}).encode() + b"\n\n"
    for choice in (
        {"index": 0, "delta": {"role": "assistant"}},
        {"index": 0, "delta": {"content": "hel"}},
        {"index": 0, "delta": {"content": "lo"}},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    )
)


def started(format: str = "openai-chat", model: str = "m", *, stream: bool):
    runtime = make_runtime()
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, format, model, stream=stream)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    assert attempt.receiver is not None
    return pipeline, exchange, attempt, attempt.receiver


def upstream(status: int = 200, **headers: str) -> http.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.Response.make(status, b"", fields)


@pytest.mark.parametrize(
    ("policy", "wish", "streams"),
    [
        ("as-asked", True, True),
        ("as-asked", False, False),
        ("default-off", True, True),
        ("default-off", False, False),
        ("force-on", False, True),
        ("force-on", True, True),
        ("force-off", True, False),
        ("force-off", False, False),
    ],
)
def test_whether_the_upstream_streams(policy: str, wish: bool, streams: bool) -> None:
    assert upstream_streams(policy, wish) is streams


@pytest.mark.parametrize("format", FORMATS)
def test_a_client_of_any_format_that_wants_json_gets_json(format: str) -> None:
    pipeline, exchange, attempt, receiver = started(format, stream=False)
    assert receiver.whole
    pipeline.answer(attempt, CHUNKS + b"data: [DONE]\n\n")
    assert receiver.committed
    assert receiver.done
    assert not receiver.failed
    head = receiver.head()
    assert head.status_code == 200
    assert head.headers["content-type"] == "application/json"
    assert head.headers["content-length"] == str(len(head.content or b""))
    assert "hello" in json.dumps(exchange.call.format.read_reply(json.loads(head.content or b"")),
                                 default=repr)  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_a_client_of_any_format_that_wants_a_stream_gets_one(format: str) -> None:
    pipeline, _exchange, attempt, receiver = started(format, stream=True)
    assert not receiver.whole
    told = pipeline.answer(attempt, reply("hello"))
    assert receiver.committed
    head = receiver.head()
    assert head.headers["content-type"].startswith("text/event-stream")
    assert head.headers["cache-control"] == "no-cache"
    assert "content-length" not in head.headers
    assert head.headers["x-switchyard-provider"] == "chat"
    assert b"hello" in told
    assert told.count(b"data: [DONE]") == (1 if format == "openai-chat" else 0)


def test_nothing_is_told_before_the_first_output() -> None:
    _, exchange, _, receiver = started(stream=True)
    receiver.start(upstream(content_type="text/event-stream", X_Request_Id="r-1"))
    headers = running(exchange).upstream_headers
    assert headers is not None
    assert headers["x-request-id"] == "r-1"
    first, second, *_rest = CHUNKS.split(b"\n\n")
    assert receiver.data(first + b"\n\n") == b""
    assert not receiver.committed
    told = receiver.data(second + b"\n\n")
    assert receiver.committed
    assert told.startswith(first)
    assert receiver.head().headers["x-request-id"] == "r-1"


def test_first_output_clears_the_target_at_once() -> None:
    pipeline, exchange, _attempt, receiver = started(stream=True)
    receiver.start(upstream(content_type="text/event-stream"))
    receiver.data(CHUNKS)
    assert exchange.trail is not None
    assert [record.cls for record in exchange.trail.records] == [None]
    assert pipeline.runtime.state.health.snapshot(0.0)[0].successes == 1
    receiver.data(b"data: [DONE]\n\n")
    receiver.end()
    assert pipeline.runtime.state.health.snapshot(0.0)[0].successes == 1, "it is told once"


@pytest.mark.parametrize(
    "body", [b"", b"data: [DONE]\n\n", b"<html>busy</html>", b'{"error": {"message": "x"}}']
)
def test_an_answer_without_output_is_a_failure(body: bytes) -> None:
    _, _, _, receiver = started(stream=True)
    receiver.start(upstream(content_type="text/event-stream"))
    assert receiver.data(body) + receiver.end() == b""
    assert receiver.failed
    assert not receiver.committed


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "unheard-of"])
def test_garbage_for_a_compressed_answer_is_a_failure(encoding: str) -> None:
    _, _, _, receiver = started(stream=False)
    receiver.start(upstream(content_type="application/json", content_encoding=encoding))
    receiver.data(b"\xff garbage that nothing can undo \xff")
    receiver.end()
    assert receiver.failed
    assert not receiver.committed


def test_a_break_after_output_ends_the_stream_with_an_error() -> None:
    _, _, _, receiver = started(stream=True)
    receiver.start(upstream(content_type="text/event-stream"))
    receiver.data(CHUNKS[: CHUNKS.index(b'lo"}')])
    assert receiver.committed
    told = receiver.broken(AttemptFailure("reset", "the connection was reset"))
    assert receiver.failed
    assert b"the connection was reset" in told
    assert b'"error"' in told


def test_a_break_before_output_says_nothing() -> None:
    _, _, _, receiver = started(stream=True)
    receiver.start(upstream(content_type="text/event-stream"))
    assert receiver.broken(AttemptFailure("reset", "reset")) == b""
    assert receiver.failed
    assert not receiver.committed


def test_what_has_no_exchange_is_left_alone() -> None:
    runtime = make_runtime()
    attempt = Attempt(flow=client_flow(runtime, "/health"), number=1)
    addon_of(runtime, Reading).attempt(attempt)
    assert attempt.receiver is None


REFUSING = """
    providers:
      - {name: claude, format: anthropic, base-url: https://claude.example, models: [c],
         api-key: k1}
      - {name: spare, base-url: https://spare.example/v1, models: [s], api-key: k2}
    combos:
      safe: {members: [claude/c, spare/s], fallback-on-refusal: true}
      plain: [claude/c, spare/s]
"""
REFUSAL = {"type": "message", "role": "assistant", "content": [], "stop_reason": "refusal",
           "stop_details": {"type": "refusal", "explanation": "Not this."},
           "usage": {"input_tokens": 1, "output_tokens": 0}}  # fmt: skip


@pytest.mark.parametrize(("model", "again"), [("safe", True), ("plain", False)])
def test_a_refusal_goes_to_the_next_member_where_the_combo_says_so(model: str, again: bool):
    runtime = make_runtime(REFUSING)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", model)
    exchange = pipeline.begin(flow)
    first = pipeline.attempt(flow)
    pipeline.answer(first, REFUSAL)
    assert first.again is again
    if again:
        assert exchange.failures[0].record.cls == "model"
        second = pipeline.attempt(flow)
        assert second.request is not None and second.request.host == "spare.example"
        key = exchange.failures[0].record
        assert (key.provider, key.status) == ("claude", 200)


def test_the_last_members_refusal_is_the_answer():
    runtime = make_runtime(REFUSING)
    pipeline = Pipeline(runtime)
    flow = call_flow(runtime, "openai-chat", "safe")
    exchange = pipeline.begin(flow)
    pipeline.answer(pipeline.attempt(flow), REFUSAL)
    last = pipeline.attempt(flow)
    body = reply("")
    body["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "Nor me."}
    pipeline.answer(last, body)
    assert exchange.winner is not None and exchange.winner.relay is not None
    assert b"Nor me." in exchange.winner.relay.body


@pytest.mark.parametrize("format", FORMATS)
def test_an_error_in_mid_stream_names_whose_it_is(format: str) -> None:
    """Read from another format, or passed on in the same one: `chat` speaks Chat Completions."""
    said = json.dumps({"error": {"message": "the engine own-chat-key-1 broke", "code": "x"}})
    for ending in (f"data: {said}\n\n".encode(), None):
        _, _, _, receiver = started(format, "chat/m", stream=True)
        receiver.start(upstream(content_type="text/event-stream"))
        told = receiver.data(b"".join(CHUNKS.splitlines(keepends=True)[:4]))
        assert receiver.committed and told
        if ending is None:
            told += receiver.broken(AttemptFailure("reset", "the connection broke"))
            why = "the connection broke"
        else:
            told += receiver.data(ending)
            why = "the engine *** broke"
        assert f"provider 'chat', model 'm': {why}".encode() in told, told
