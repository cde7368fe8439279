"""The messages of the Responses API over a WebSocket."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_responses.websocket import AnswerReader
from switchyard.wire.formats.openai_responses.websocket import BadMessage
from switchyard.wire.formats.openai_responses.websocket import error_message
from switchyard.wire.formats.openai_responses.websocket import read_message
from switchyard.wire.formats.openai_responses.websocket import refusal_event
from switchyard.wire.formats.openai_responses.websocket import warm_up
from switchyard.wire.model.errors import ApiError
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import Answer
from tests.support.answers import Call

SSE = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}
EVENTS = Responses().events(
    Answer(text="Grüße, 世界", thinks=True, calls=(Call("c1", "look", '{"at": 1}'),))
)
ERROR = {"error": {"message": "slow down", "type": "rate_limit_error", "code": None, "param": None}}


def read(
    *pieces: bytes, status: int = 200, headers: Mapping[str, str] = SSE, lane: str | None = None
) -> tuple[AnswerReader, list[dict[str, Any]]]:
    reader = AnswerReader(lane)
    reader.start(status, headers)
    messages = [message for piece in pieces for message in reader.feed(piece)]
    return reader, [json.loads(message) for message in (*messages, *reader.close())]


def payloads(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(frame.data) for frame in SseDecoder().feed(stream)]


def test_a_message_is_what_would_be_posted() -> None:
    said = {"model": "m", "input": [{"type": "message"}], "store": False, "x": {"type": 1}}
    create = read_message(json.dumps({"type": "response.create", "stream_id": "a", **said}))
    assert create is not None
    assert create.body == {**said, "stream": True}
    assert create.lane == "a" and create.generates
    warm = read_message(json.dumps({"type": "response.create", "generate": False, **said}))
    assert warm is not None and not warm.generates and "generate" not in warm.body


def test_an_acknowledgement_needs_no_answer() -> None:
    assert read_message('{"type": "response.processed", "response_id": "r"}') is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ("{}", "None"),
        ('{"type": "response.steer", "stream_id": "a"}', "response.steer"),
        ('{"type": "response.create", "stream_id": {}}', "stream_id"),
        (json.dumps({"type": "response.create", "stream_id": "x" * 257}), "stream_id"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_what_is_no_message_is_answered_with_an_error(text: str, word: str) -> None:
    with pytest.raises(BadMessage) as bad:
        read_message(text)
    message = json.loads(bad.value.message)
    assert message["type"] == "error" and message["status"] == 400
    assert word in message["error"]["message"]
    assert ("stream_id" in message) is ("steer" in text)


@given(st.text() | st.recursive(st.none() | st.text(), lambda x: st.lists(x)).map(json.dumps))
def test_no_message_breaks_anything(text: str) -> None:
    try:
        read_message(text)
    except BadMessage as bad:
        assert json.loads(bad.message)["status"] == 400


def test_a_stream_is_told_event_by_event() -> None:
    reader, messages = read(b"".join(EVENTS))
    assert messages == payloads(b"".join(EVENTS))
    last = messages[-1]["response"]
    assert reader.over and reader.response == last and reader.items == last["output"]
    assert [item["type"] for item in reader.items] == ["reasoning", "message", "function_call"]


@given(st.sets(st.integers(1, len(b"".join(EVENTS)) - 1), max_size=8))
def test_however_it_is_cut(cuts: set[int]) -> None:
    stream = b"".join(EVENTS)
    places = [0, *sorted(cuts), len(stream)]
    _, messages = read(*(stream[a:b] for a, b in pairwise(places)))
    assert messages == payloads(stream)


def test_signs_of_life_are_no_messages() -> None:
    reader = AnswerReader()
    reader.start(200, SSE)
    assert reader.feed(b": keepalive\n\n") == []
    assert len(reader.feed(EVENTS[0])) == 1


def test_every_message_of_a_lane_names_it() -> None:
    lane = 'a "b" \\ü'
    _, messages = read(b"".join(EVENTS), lane=lane)
    assert [message.pop("stream_id") for message in messages] == [lane] * len(messages)
    assert messages == payloads(b"".join(EVENTS))
    _, (error,) = read(json.dumps(ERROR).encode(), status=429, headers=JSON, lane=lane)
    assert error["stream_id"] == lane


@pytest.mark.parametrize("told", ["at the end", "one by one"])
def test_items_are_known_however_they_are_told(told: str) -> None:
    """Some providers leave them out of the last event, some tell them nowhere else."""
    events = payloads(b"".join(EVENTS))
    items = events[-1]["response"]["output"]
    if told == "one by one":
        events[-1]["response"]["output"] = []
    else:
        events = [e for e in events if e["type"] != "response.output_item.done"]
    # Without names of their own, too.
    reader, _ = read(*(b"data: %s\n\n" % json.dumps(event).encode() for event in events))
    assert reader.items == items


def test_nothing_follows_the_end() -> None:
    _, messages = read(*EVENTS, b"data: [DONE]\n\n", EVENTS[0])
    assert len(messages) == len(EVENTS)


@pytest.mark.parametrize("cut", [0, 3])
def test_a_stream_without_an_end_ends_in_an_error(cut: int) -> None:
    reader, messages = read(*EVENTS[:cut])
    assert messages[:-1] == payloads(b"".join(EVENTS[:cut]))
    assert messages[-1]["type"] == "error" and messages[-1]["status"] == 502
    assert reader.over and reader.response is None


def test_a_failure_is_told_and_not_kept() -> None:
    reader, messages = read(*Responses().broken("lost"))
    assert messages[-1]["type"] == "response.failed"
    assert reader.over and reader.response is None


@pytest.mark.parametrize(
    ("event", "status", "message"),
    [
        ({"code": "rate_limit_exceeded", "message": "often", "param": None}, 429, "often"),
        ({"code": "server_error", "message": "broken", "param": None}, 500, "broken"),
        ({"error": {"type": "invalid_request_error", "message": "no"}}, 400, "no"),
        ({}, 500, None),
    ],
)
def test_an_error_event_gets_the_shape_of_an_error_message(
    event: dict[str, Any], status: int, message: str | None
) -> None:
    stream = b"event: error\ndata: %s\n\n" % json.dumps({"type": "error", **event}).encode()
    reader, (error,) = read(stream)
    assert (error["type"], error["status"]) == ("error", status)
    assert error["error"].get("message") == message and error["error"]["type"]
    assert reader.over and reader.response is None


def test_a_refusal_is_an_error_with_its_status_and_headers() -> None:
    headers = {**JSON, "retry-after": "7", "content-length": "90", "x-switchyard-attempts": "1"}
    body = json.dumps(ERROR).encode()
    reader, (message,) = read(body[:20], body[20:], status=429, headers=headers)
    assert message == {
        "type": "error",
        "status": 429,
        **ERROR,
        "headers": {"retry-after": "7", "x-switchyard-attempts": "1"},
    }
    assert reader.over


def test_a_refusal_is_told_alike_though_its_stream_had_begun() -> None:
    headers = {**JSON, "retry-after": "7"}
    body = json.dumps(ERROR).encode()
    _, expected = read(body, status=429, headers=headers, lane="a")
    _, told = read(b": keepalive\n\n", refusal_event(429, headers, body), lane="a")
    assert told == expected


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "no"}'])
@pytest.mark.parametrize(("status", "told"), [(503, 503), (200, 502)])
def test_what_is_no_answer_is_an_error(body: bytes, status: int, told: int) -> None:
    _, (message,) = read(body, status=status, headers={})
    assert message["type"] == "error" and message["status"] == told
    assert message["error"]["message"]


def test_a_whole_answer_is_its_last_event() -> None:
    answer = Responses().whole(Answer())
    reader, (message,) = read(answer, headers=JSON, lane="a")
    expected = {"type": "response.completed", "stream_id": "a", "response": json.loads(answer)}
    assert message == expected
    assert reader.items == json.loads(answer)["output"]


def test_a_warm_up_is_complete_and_empty() -> None:
    asked = Asked(model="m", id="0123", created=7, previous=None)
    reader, messages = read(warm_up(asked))
    assert messages[0]["type"] == "response.created"
    assert messages[-1]["type"] == "response.completed"
    response = messages[-1]["response"]
    assert response["id"] == "resp_0123" and response["model"] == "m"
    assert response["output"] == [] and response["usage"]["total_tokens"] == 0
    assert reader.response == response and reader.items == []


def test_an_error_of_our_own() -> None:
    error = ApiError(message="no", kind="invalid_request", code="c", param="p")
    message = json.loads(error_message(error, "a"))
    assert message["status"] == 400 and message["stream_id"] == "a"
    assert (message["error"]["code"], message["error"]["param"]) == ("c", "p")
