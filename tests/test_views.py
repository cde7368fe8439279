import io
import re

import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter

from addons.views import Views
from addons.views import mask_credentials
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import OWN_KEYS
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import client_flow
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
    assert re.fullmatch(r"chat/m: chat ok, 1 attempt, 0\.\d s", flow.comment), flow.comment
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
    wanted = r"stack: chat 429 -> chat 429 -> claude ok, 3 attempts, 0\.\d s"
    assert re.fullmatch(wanted, flow.comment), flow.comment
    assert flow.marked == ":large_orange_circle:"
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


HEADERS = {
    "authorization": f"Bearer {CLIENT_KEY}",
    "x-api-key": CLIENT_KEY,
    "x-goog-api-key": CLIENT_KEY,
    "api-key": CLIENT_KEY,
    "cookie": f"session={CLIENT_KEY}",
    "proxy-authorization": f"Basic {CLIENT_KEY}",
    "x-auth-token": CLIENT_KEY,
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_credential_in_any_one_header_is_masked(name: str) -> None:
    flow = client_flow(make_runtime(), "/v1/messages", {}, headers={name.title(): HEADERS[name]})
    mask_credentials(flow.request)
    assert CLIENT_KEY.encode() not in dump(flow)
    assert flow.request.headers[name].endswith("***")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"Bearer {CLIENT_KEY}", "Bearer ***"),
        (f"basic {CLIENT_KEY}", "basic ***"),
        (CLIENT_KEY, "***"),
        (f"{CLIENT_KEY} more", "***"),
        (f"Bearer\t{CLIENT_KEY}", "***"),
        ("", "***"),
    ],
)
def test_how_an_authorization_is_masked(value: str, shown: str) -> None:
    flow = client_flow(make_runtime(), "/v1/messages", {}, headers={"authorization": value})
    mask_credentials(flow.request)
    assert flow.request.headers["authorization"] == shown


def test_a_header_that_was_sent_twice_is_masked_in_both() -> None:
    twice = [("x-api-key", CLIENT_KEY), ("X-Api-Key", CLIENT_KEY + "2")]
    flow = client_flow(make_runtime(), "/v1/messages", {}, headers=twice)
    mask_credentials(flow.request)
    assert CLIENT_KEY.encode() not in dump(flow)


@pytest.mark.parametrize(
    "query", [f"key={CLIENT_KEY}", f"alt=sse&key={CLIENT_KEY}&key={CLIENT_KEY}2",
              f"%6Bey={CLIENT_KEY}", f"api_key={CLIENT_KEY}", f"access_token={CLIENT_KEY}"]
)  # fmt: skip
def test_a_credential_in_the_query_is_masked(query: str) -> None:
    flow = client_flow(make_runtime(), f"/v1beta/models/g:generateContent?{query}", {})
    mask_credentials(flow.request)
    assert CLIENT_KEY.encode() not in dump(flow)
    assert flow.request.path.startswith("/v1beta/models/g:generateContent?")
    assert ("alt=sse" in flow.request.path) is ("alt=sse" in query)


def test_a_request_without_a_credential_is_left_as_it_is() -> None:
    flow = client_flow(
        make_runtime(), "/v1/messages?beta=true&x", {"a": 1}, headers={"X-Kept": "1"}
    )
    before = flow.request.get_state()
    mask_credentials(flow.request)
    assert flow.request.get_state() == before


def test_our_own_answers_are_masked_too_but_have_no_comment() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, f"/v1/models?key={CLIENT_KEY}", headers=HEADERS)
    flow.response = http.Response.make(200)
    Views(runtime).response(flow)
    assert CLIENT_KEY.encode() not in dump(flow)
    assert (flow.comment, flow.marked) == ("", "")


def test_what_is_not_ours_is_left_alone() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/login", to=("other.example", 443), headers=HEADERS)
    before = flow.request.get_state()
    Views(runtime).error(flow)
    assert flow.request.get_state() == before
