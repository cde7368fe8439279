"""Durations and counts that clients of a complete answer count on."""

import json
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.format import Format
from switchyard.wire.formats.ollama.final_members import COUNTS
from switchyard.wire.formats.ollama.final_members import DURATIONS
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import SHAPES
from switchyard.wire.relay.relay import Relay
from tests.unit.wire.laws import ASKED

OLLAMA, CHAT = FORMATS["ollama"], FORMATS["openai-chat"]
GENERATE = next(shape for shape in SHAPES if shape.name == "ollama")
ALL = (*DURATIONS, *COUNTS)


class Clock:
    """Seconds since the request was complete."""

    def __init__(self) -> None:
        self.now = 0.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def relay(upstream: Format, client: Format, clock: Clock, streams: bool) -> Relay:
    asked: Asked = replace(ASKED, elapsed=clock)
    made = Relay(upstream, client, streams, asked)
    made.start(200, "application/x-ndjson" if upstream.name == "ollama" and streams else "")
    return made


def chat(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "choices": [choice]}).encode() + b"\n\n"


def last_of(out: bytes) -> dict[str, Any]:
    return json.loads(out.strip().split(b"\n")[-1])


@pytest.mark.parametrize("client", [OLLAMA, GENERATE])
def test_a_translated_stream_is_measured(client: Format, clock: Clock) -> None:
    one = relay(CHAT, client, clock, streams=True)
    clock.now = 0.5
    out = one.feed(chat({"content": "Hello"}))
    clock.now = 2.0
    out += one.feed(chat({}, "stop") + b"data: [DONE]\n\n") + one.end()
    last = last_of(out)
    assert {name: last[name] for name in ALL} == {
        "total_duration": 2_000_000_000,
        "load_duration": 0,
        "prompt_eval_duration": 500_000_000,
        "eval_duration": 1_500_000_000,
        "prompt_eval_count": 0,
        "eval_count": 0,
    }


@pytest.mark.parametrize("upstream", [OLLAMA, CHAT])
def test_a_whole_answer_is_measured(upstream: Format, clock: Clock) -> None:
    body: dict[str, Any] = {"model": "m", "message": {"role": "assistant", "content": "Hi"},
                            "done": True, "eval_count": 7}  # fmt: skip
    if upstream is CHAT:
        message = {"role": "assistant", "content": "Hi"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "c", "object": "chat.completion", "choices": [choice],
                "usage": {"prompt_tokens": 3, "completion_tokens": 7}}  # fmt: skip
    one = relay(upstream, OLLAMA, clock, streams=False)
    one.feed(json.dumps(body).encode())
    clock.now = 1.5
    one.end()
    said = json.loads(one.body)
    assert said["total_duration"] == said["eval_duration"] == 1_500_000_000
    assert (said["eval_count"], said["prompt_eval_count"]) == (7, 3 if upstream is CHAT else 0)
    assert said["message"]["content"] == "Hi"


def test_what_the_provider_tells_stays(clock: Clock) -> None:
    own = dict.fromkeys(ALL, 5)
    line = json.dumps({"model": "m", "message": {"content": "Hi"}, "done": True, **own}).encode()
    one = relay(OLLAMA, OLLAMA, clock, streams=True)
    assert one.feed(line + b"\n") + one.end() == line + b"\n"
    whole = relay(OLLAMA, OLLAMA, clock, streams=False)
    whole.feed(line)
    whole.end()
    assert whole.body == line


def test_a_stream_that_lacks_some_is_completed(clock: Clock) -> None:
    one = relay(OLLAMA, OLLAMA, clock, streams=True)
    first = b'{"model":"m","message":{"content":"Hi"},"done":false}\n'
    out = one.feed(first)
    assert out == first
    clock.now = 1.0
    out += one.feed(b'{"model":"m","message":{"content":""},"done":true,"total_duration":9}\n')
    last = last_of(out + one.end())
    assert (last["total_duration"], last["prompt_eval_duration"]) == (9, 250_000_000)
    assert last["eval_duration"] == 750_000_000 and {*ALL} <= {*last}


def test_a_stream_read_for_a_whole_answer_has_the_members_of_a_message(clock: Clock) -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    line = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": False}
    said = {"role": "assistant", "content": "", "tool_calls": [call]}
    one = relay(OLLAMA, OLLAMA, clock, streams=False)
    one.feed(json.dumps({**line, "message": said}).encode() + b"\n")
    end = {"done": True, "done_reason": "stop", "message": {"role": "assistant", "content": ""}}
    one.feed(json.dumps({**line, **end}).encode() + b"\n")
    one.end()
    assert json.loads(one.body)["message"] == said
