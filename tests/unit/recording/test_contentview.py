import json
import time
from typing import Any

import pytest
from mitmproxy import contentviews
from mitmproxy import http
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.pipeline.annotation import Annotation
from switchyard.recording.contentview import ConversationContentview
from switchyard.recording.metadata import ATTEMPT
from switchyard.recording.metadata import FACTS
from switchyard.usage.prices import cost_of
from switchyard.usage.prices import cost_text
from tests.support.proportion import least_growth
from tests.support.runtime import FORMATS
from tests.support.runtime import addon_of
from tests.support.runtime import call
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.support.runtime import reply


@pytest.fixture(autouse=True)
def registered():
    with taddons.context(loadcore=False) as context:
        context.master.addons.add(addon_of(make_runtime(), Annotation))
        yield


def flow_of(
    path: str,
    asked: Any,
    answer: bytes = b"",
    kind: str = "application/json",
    status: int = 200,
    host: str = "api.provider.example",
) -> http.HTTPFlow:
    flow = client_flow(
        make_runtime(), path, asked, to=(host, 443), headers={"content-type": "application/json"}
    )
    flow.response = http.Response.make(status, answer, {"content-type": kind})
    flow.live = False
    return flow


def shown(flow: http.HTTPFlow, answer: bool) -> tuple[str, str | None]:
    message = flow.response if answer else flow.request
    assert message is not None
    told = contentviews.prettify_message(message, flow)
    return told.text, told.view_name


@pytest.mark.parametrize("format", FORMATS)
def test_calls_in_every_format_are_shown_as_conversations(format: str) -> None:
    text, view = shown(flow_of(*call(format)), answer=False)
    assert view == "Conversation"
    assert f", in {format}\n" in text
    assert "hi" in text.splitlines()


def test_the_model_in_the_path_is_told() -> None:
    text, _ = shown(flow_of(*call("gemini", "gemini-x")), answer=False)
    assert text.startswith("asks gemini-x, in gemini\n")


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/openai/v1/chat/completions?api-version=2", "/backend-api/unknown"],
)
@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_answers_are_known_by_their_path_or_by_what_they_say(path: str, kind: str) -> None:
    flow = flow_of(path, {"x": 1}, json.dumps(reply("Well met")).encode(), kind)
    text, view = shown(flow, answer=True)
    assert view == "Conversation"
    assert "Well met" in text


def test_requests_to_unknown_paths_are_known_by_what_they_say() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hello there"}]}
    text, view = shown(flow_of("/some/gateway", asked), answer=False)
    assert view == "Conversation"
    assert "Hello there" in text


def test_code_assist_is_known_by_its_path() -> None:
    asked = {"model": "g", "request": {"contents": [{"parts": [{"text": "Hello there"}]}]}}
    path = "/v1internal:streamGenerateContent?alt=sse"
    text, view = shown(flow_of(path, asked), answer=False)
    assert view == "Conversation"
    assert "Hello there" in text


def test_a_stream_is_shown_as_its_answer() -> None:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
             "choices": [{"index": 0, "delta": {"content": "Well met"}}]}  # fmt: skip
    stream = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    flow = flow_of("/v1/chat/completions", {}, stream, "text/event-stream")
    text, view = shown(flow, answer=True)
    assert view == "Conversation"
    assert "Well met" in text and "cut off before its end" in text
    flow.live = True
    assert "so far; it is still running" in shown(flow, answer=True)[0]


@pytest.mark.parametrize(
    ("path", "asked", "answer", "kind"),
    [
        ("/v1/embeddings", {"model": "e", "input": "x"}, b'{"data": []}', "application/json"),
        ("/v1/messages/count_tokens", {}, b'{"input_tokens": 3}', "application/json"),
        ("/v1/models", None, b'{"data": []}', "application/json"),
        ("/events", None, b"data: 1\n\n", "text/event-stream"),
        ("/v1/chat/completions", {}, b"<html>bad gateway</html>", "text/html"),
        ("/v1/chat/completions", {}, b"", "application/json"),
    ],
)
def test_what_is_no_conversation_is_left_to_other_views(
    path: str, asked: Any, answer: bytes, kind: str
) -> None:
    assert shown(flow_of(path, asked, answer, kind), answer=True)[1] != "Conversation"


@pytest.mark.parametrize("answer", [b"\xff\xfe{", b"data: {\n\n", b"[]", b"{}", b"null", b"{" * 9])
def test_bad_bodies_are_shown_without_an_error(answer: bytes) -> None:
    for kind in ("application/json", "text/event-stream"):
        flow = flow_of("/v1/messages", {}, answer, kind)
        assert flow.response
        told = contentviews.prettify_message(flow.response, flow, "conversation")
        assert "Couldn't parse" not in told.text
        assert told.syntax_highlight != "error"


def test_anything_else_can_be_asked_for_and_says_why_it_is_not_shown() -> None:
    flow = flow_of("/login", {"user": "me"})
    told = contentviews.prettify_message(flow.request, flow, "conversation")
    assert "this is not a call to a model" in told.text


def test_metadata_may_lack_everything() -> None:
    view, nothing = ConversationContentview(), contentviews.Metadata()
    assert view.render_priority(b"{}", nothing) < 0
    dns = contentviews.Metadata(flow=tflow.tdnsflow())
    assert view.render_priority(b"{}", dns) < 0


def large(turns: int) -> tuple[bytes, contentviews.Metadata]:
    """A request of so many long turns, as mitmproxy has it shown."""
    said = [{"role": "user", "content": "some words of it " * 60}] * turns
    flow = flow_of("/v1/chat/completions", {"model": "m", "messages": said})
    metadata = contentviews.Metadata(
        flow=flow, content_type="application/json", http_message=flow.request
    )
    return flow.request.raw_content or b"", metadata


def test_a_large_body_is_shown_quickly() -> None:
    data, metadata = large(1000)
    assert len(data) > 1_000_000
    began = time.process_time()
    ConversationContentview().prettify(data, metadata)
    assert time.process_time() - began < 5


def test_a_large_body_is_judged_at_once() -> None:
    """Whatever its size: all of it is not read."""

    def seconds(turns: int) -> float:
        data, metadata = large(turns)
        began = time.process_time()
        for _ in range(100):
            ConversationContentview().render_priority(data, metadata)
        return time.process_time() - began

    assert least_growth(seconds, 100, 2000, below=5, telling=0.003) < 5


PRICED = "api.openai.com"
TOKENS = {"input": 5, "output": 2}
"""Of `reply`."""


def priced(model: str, host: str = PRICED, **metadata: Any) -> http.HTTPFlow:
    answer = json.dumps(reply(model=model)).encode()
    flow = flow_of("/v1/chat/completions", {"model": model}, answer, host=host)
    flow.metadata.update(metadata)
    return flow


def cost(flow: http.HTTPFlow, tokens: dict[str, int] = TOKENS) -> str:
    """The line that tells what `tokens` of gpt-5 cost."""
    found = cost_of(tokens, "gpt-5", f"https://{PRICED}", flow.request.timestamp_start)
    assert found is not None
    return f"\ncost: {cost_text(found)}\n"


def test_an_answer_of_a_providers_own_host_tells_its_cost() -> None:
    flow = priced("gpt-5-2025-08-07")
    assert cost(flow) in shown(flow, answer=True)[0]


def test_a_stream_tells_its_cost() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5",
             "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}],
             "usage": usage}  # fmt: skip
    stream = b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"
    flow = flow_of("/v1/chat/completions", {}, stream, "text/event-stream", host=PRICED)
    assert cost(flow) in shown(flow, answer=True)[0]


@pytest.mark.parametrize(
    ("model", "host"),
    [("gpt-99", PRICED), ("gpt-5", "api.provider.example"), ("gpt-5", "localhost")],
)
def test_an_answer_without_a_list_price_tells_no_cost(model: str, host: str) -> None:
    text = shown(priced(model, host), answer=True)[0]
    assert "tokens: 5 in · 2 out" in text
    assert "cost" not in text


def test_a_call_tells_what_its_provider_takes_not_what_its_host_would() -> None:
    facts = {"provider-model": "gpt-5", "provider-origin": f"https://{PRICED}"}
    tokens = {"input": 500, "output": 20, "cache_read": 300}
    flow = priced("claude-opus-4-6", "api.anthropic.com", **{FACTS: {**facts, "tokens": tokens}})
    assert cost(flow, tokens) in shown(flow, answer=True)[0]
    flow.metadata[FACTS] = {"provider-model": "own", "tokens": tokens}
    assert "cost" not in shown(flow, answer=True)[0]


def test_an_attempt_tells_the_cost_of_the_model_it_asked_for() -> None:
    flow = priced("gpt-99", **{FACTS: {"model": "gpt-5"}, ATTEMPT: 1})
    assert cost(flow) in shown(flow, answer=True)[0]


def test_what_still_runs_tells_no_cost() -> None:
    flow = priced("gpt-5")
    flow.live = True
    assert "cost" not in shown(flow, answer=True)[0]
