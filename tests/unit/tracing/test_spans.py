"""Spans of records, against both versions of the conventions."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from switchyard.config.tracing import Conventions
from switchyard.tracing.scene import AttemptScene
from switchyard.tracing.scene import RequestScene
from switchyard.tracing.scene import SpokenContent
from switchyard.tracing.spans import resource_of
from switchyard.tracing.spans import spans_of
from switchyard.tracing.trace_context import TraceContext
from switchyard.usage.records import AttemptUsage
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens
from switchyard.wire.registry import FORMATS
from tests.support.collector import TakenSpan
from tests.support.genai_conventions import CONTENT
from tests.support.genai_conventions import LATEST
from tests.support.genai_conventions import OLD
from tests.support.genai_conventions import faults
from tests.unit.usage.support import NOON
from tests.unit.usage.support import record

TOKENS = Tokens(
    input=100, cache_read=50, cache_write_5m=7, cache_write_1h=3, output=20, reasoning=5
)
SHOWN = AttemptScene(
    url="https://api.anthropic.com",
    streams=True,
    settings={"max_tokens": 9, "top_k": 40, "reasoning.level": "low"},
    finish="end_turn",
)
SCENE = RequestScene(
    context=TraceContext(77, 5, True, "a=1"),
    method="POST", path="/v1/messages", route="/v1/messages", scheme="http", agent="curl",
    attempts={1: SHOWN, 2: SHOWN},
)  # fmt: skip


def attempt(**changes: Any) -> AttemptUsage:
    facts = {
        "number": 1,
        "started": NOON,
        "provider": "mine",
        "model": "m",
        "format": "anthropic",
        "tokens": TOKENS,
        "end_ms": 800,
        "first_output_ms": 300,
    }
    return AttemptUsage(**facts | changes)


def request(**changes: Any) -> RequestRecord:
    return record(end_ms=1000, tries=(attempt(),), tokens=TOKENS, **changes)


def taken(
    record: RequestRecord, scene: RequestScene = SCENE, conventions: Conventions = "latest"
) -> Sequence[TakenSpan]:
    made = spans_of(record, scene, conventions, resource_of("yard"))
    (of_resource,) = encode_spans(made).resource_spans
    resource = {"service.name": "yard"}
    spans = [TakenSpan(one, resource) for one in of_resource.scope_spans[0].spans]
    for span in spans:
        assert faults(span, OLD if conventions == "1.41" else LATEST) == []
    return spans


def test_tokens_are_counted_as_the_conventions_do() -> None:
    found = taken(request())[1].attributes
    usage = {name.removeprefix("gen_ai.usage."): n for name, n in found.items() if "usage" in name}
    assert usage == {
        "input_tokens": 160,
        "cache_read.input_tokens": 50,
        "cache_write.input_tokens": 10,
        "output_tokens": 20,
        "reasoning.output_tokens": 5,
    }


def test_the_older_conventions() -> None:
    found = taken(request(), conventions="1.41")[1].attributes
    assert found["gen_ai.usage.cache_creation.input_tokens"] == 10
    assert found["gen_ai.request.top_k"] == 40.0
    assert "gen_ai.request.reasoning.level" not in found
    assert taken(request())[1].attributes["gen_ai.request.reasoning.level"] == "low"


def test_times_and_places() -> None:
    own, inner = taken(request())
    assert (own.parent, own.trace, own.state) == (f"{5:016x}", f"{77:032x}", "a=1")
    assert (own.ended - own.begun, inner.ended - inner.begun) == (1_000_000_000, 800_000_000)
    assert inner.attributes["gen_ai.response.time_to_first_chunk"] == 0.3
    assert inner.attributes["gen_ai.provider.name"] == "anthropic"
    assert inner.attributes["server.address"] == "api.anthropic.com"
    assert inner.attributes["server.port"] == 443
    assert inner.attributes["switchyard.provider"] == "mine"


def test_a_hedge_is_linked_to_what_it_hedges() -> None:
    hedge = attempt(number=2, started=NOON + 0.5, end_ms=200)
    _, first, second = taken(replace(request(), tries=(attempt(outcome="lost"), hedge)))
    assert (first.links, second.links) == ([], [first.id])
    later = attempt(number=2, started=NOON + 0.9, end_ms=50)
    assert taken(replace(request(), tries=(attempt(), later)))[2].links == []


@pytest.mark.parametrize(
    ("state", "status", "error"),
    [("failed", 502, True), ("cut", 200, True), ("refused", 429, False), ("complete", 200, False),
     ("refused", 503, True), ("client-left", None, False)],
)  # fmt: skip
def test_what_is_an_error(state: str, status: int | None, error: bool) -> None:
    own, _ = taken(request(state=state, status=status, error="overloaded"))
    assert own.error == error


def test_nothing_of_what_was_said_without_being_asked_for() -> None:
    for span in taken(request()):
        assert not set(CONTENT) & span.attributes.keys()


@pytest.mark.parametrize("conventions", ["latest", "1.41"])
def test_tools_and_media_in_messages(conventions: Conventions) -> None:
    format = FORMATS["anthropic"]
    asked = format.read_request(
        {
            "model": "m",
            "max_tokens": 9,
            "messages": [
                {"role": "user", "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                                 "data": "aGlkZGVu"}},
                    {"type": "text", "text": "What is it?"}]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": "a cat"}]},
            ],
        }
    )  # fmt: skip
    answer = {
        "id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [{"type": "tool_use", "id": "t2", "name": "look", "input": {}}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    content = SpokenContent(asked=asked, format=format, answer=json.dumps(answer).encode())
    found = taken(request(), replace(SCENE, content=content), conventions)[1].attributes
    messages = json.loads(found["gen_ai.input.messages"])
    assert [one["role"] for one in messages] == ["user", "assistant", "tool"]
    assert messages[1]["parts"][0]["arguments"] == {"at": 1}
    assert messages[2]["parts"] == [{"type": "tool_call_response", "id": "t1", "response": "a cat"}]
    assert "aGlkZGVu" not in found["gen_ai.input.messages"]
    (said,) = json.loads(found["gen_ai.output.messages"])
    assert said["parts"][0]["name"] == "look"
    assert said.get("finish_reason") == (None if conventions == "latest" else "tool_call")


def test_an_answer_that_cannot_be_read_is_left_out() -> None:
    content = SpokenContent(asked=None, format=FORMATS["anthropic"], answer=b'{"type": "message"')
    taken(request(), replace(SCENE, content=content))
