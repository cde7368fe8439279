import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.transcript.transcript import read_answer
from switchyard.transcript.transcript import read_request
from switchyard.wire.format import Format
from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.formats.ollama.generate import OllamaGenerate
from switchyard.wire.registry import FORMATS
from tests.unit.wire import corpus

PNG = base64.b64encode(b"69 bytes that are no picture".ljust(69)).decode()


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def events(*values: Any) -> bytes:
    return b"".join(
        f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode() for value in values
    )


ASKED = {
    "model": "my-stack",
    "max_tokens": 32000,
    "stream": True,
    "temperature": 0.5,
    "thinking": {"type": "enabled", "budget_tokens": 10000},
    "system": "You are a coder.",
    "tools": [
        {
            "name": "Read",
            "description": "Reads a file.\nFrom the disk. " + "x" * 500,
            "input_schema": {
                "type": "object",
                "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["file_path"],
            },
        }
    ],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is in it?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I must look.", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": "/a"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": '{"lines": 3}',
                    "is_error": True,
                }
            ],
        },
    ],
}


def test_a_request_reads_as_a_conversation() -> None:
    told = read_request(FORMATS["anthropic"], body(ASKED))
    assert (
        told
        == """\
asks my-stack, in anthropic
streamed · at most 32,000 tokens · thinks up to 10,000 tokens · temperature 0.5

── 1 tool offered ──────────────────────────────────────────────────────
Read(file_path, limit?): Reads a file. From the disk. xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…

── system ──────────────────────────────────────────────────────────────
You are a coder.

── user ────────────────────────────────────────────────────────────────
What is in it?

[image: image/png, 69 bytes]

── assistant ───────────────────────────────────────────────────────────
▸ thinks
  I must look.

▸ calls Read  toolu_1
  {
    "file_path": "/a"
  }

── tools ───────────────────────────────────────────────────────────────
◂ result of Read, an error  toolu_1
  {
    "lines": 3
  }
"""
    )


STREAM = [
    {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
     "model": "claude-x", "content": [], "usage": {"input_tokens": 200, "output_tokens": 1,
     "cache_read_input_tokens": 1000}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Three "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lines."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1,
     "content_block": {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {}}},
    {"type": "content_block_delta", "index": 1,
     "delta": {"type": "input_json_delta", "partial_json": '{"file_path": "/b'}},
    {"type": "content_block_delta", "index": 1,
     "delta": {"type": "input_json_delta", "partial_json": '"}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
     "usage": {"output_tokens": 56}},
    {"type": "message_stop"},
]  # fmt: skip


def test_a_stream_reads_as_the_answer_it_adds_up_to() -> None:
    data = events(*STREAM)
    told = read_answer(FORMATS["anthropic"], data)
    assert (
        told
        == f"""\
answers as claude-x, in anthropic · streamed in 11 events, {len(data) / 1000:.1f} kB

── assistant ───────────────────────────────────────────────────────────
Three lines.

▸ calls Read  toolu_2
  {{
    "file_path": "/b"
  }}

── end ─────────────────────────────────────────────────────────────────
stopped: it waits for its tools (tool_use)
tokens: 1,200 in (1,000 from the cache) · 56 out
id: msg_1
"""
    )


def test_a_stream_that_was_cut_off_is_shown_as_far_as_it_goes() -> None:
    told = read_answer(FORMATS["anthropic"], events(*STREAM[:7]))
    assert "cut off before its end" in told
    assert "── so far ──" in told
    assert "Three lines." in told
    assert '▸ calls Read  toolu_2\n  {"file_path": "/b' in told


def test_a_stream_that_ended_in_an_error_tells_it_after_the_words() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Too much today"}}
    told = read_answer(FORMATS["anthropic"], events(*STREAM[:4], error))
    assert told.index("Three lines.") < told.index("Too much today")
    assert "type overloaded_error" in told
    assert "cut off" not in told


@pytest.mark.parametrize("status", [200, 429])
def test_an_error_body_is_shown_with_its_words_and_as_it_is(status: int) -> None:
    error = {"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded"}}
    told = read_answer(FORMATS["openai-chat"], body(error), status)
    assert "Slow down" in told
    assert "code rate_limit_exceeded" in told
    assert '"message": "Slow down"' in told


def test_geminis_array_and_ollamas_lines_are_streams_too() -> None:
    chunk = {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello "}]}}]}
    last = {"candidates": [{"content": {"role": "model", "parts": [{"text": "you"}]},
                            "finishReason": "STOP"}]}  # fmt: skip
    told = read_answer(FORMATS["gemini"], body([chunk, last]))
    assert "Hello you" in told and "streamed in 2 events" in told
    wrapped = b"".join(b"data: %b\r\n\r\n" % body({"response": one}) for one in (chunk, last))
    assert "Hello you" in read_answer(FORMATS["gemini"], wrapped)
    lines = [
        {"model": "q", "message": {"role": "assistant", "content": "Hel"}, "done": False},
        {"model": "q", "message": {"role": "assistant", "content": "lo"}, "done": True,
         "done_reason": "stop", "eval_count": 7},
    ]  # fmt: skip
    told = read_answer(FORMATS["ollama"], b"".join(body(line) + b"\n" for line in lines))
    assert "Hello" in told and "7 out" in told


def test_code_assist_wraps_geminis_bodies() -> None:
    inner = {"contents": [{"role": "user", "parts": [{"text": "Who is there?"}]}]}
    asked = {"model": "gemini-x", "project": "p", "request": inner}
    told = read_request(FORMATS["gemini"], body(asked))
    assert told.startswith("asks gemini-x, in gemini\n")
    assert "Who is there?" in told


def test_a_request_against_the_rules_is_named_and_shown() -> None:
    told = read_request(FORMATS["anthropic"], body({"model": "m", "messages": "hello"}))
    assert told.startswith("no valid anthropic request: ")
    assert '"messages": "hello"' in told


EVERY = [*FORMATS.values(), OllamaGenerate(), CohereChat()]


@pytest.mark.parametrize("format", EVERY, ids=lambda format: type(format).__name__)
@given(data=st.binary(max_size=300), status=st.sampled_from([200, 404]))
def test_any_bytes_are_shown_somehow(format: Format, data: bytes, status: int) -> None:
    assert isinstance(read_request(format, data), str)
    assert isinstance(read_answer(format, data, status), str)


NAMES = (
    "model messages role content type text input contents parts choices delta message candidates "
    "output tools usage error response request tool_calls function"
).split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("format", EVERY, ids=lambda format: type(format).__name__)
@given(value=JSON, framed=st.booleans())
def test_any_json_is_shown_somehow(format: Format, value: Any, framed: bool) -> None:
    data = b"data: " * framed + body(value) + b"\n\n" * framed
    assert isinstance(read_request(format, data), str)
    assert isinstance(read_answer(format, data), str)


@corpus.needs_corpus
@pytest.mark.parametrize("name", FORMATS)
def test_everything_recorded_can_be_read(name: str) -> None:
    for record in corpus.records(name):
        if record.request is not None:
            told = read_request(FORMATS[name], body(record.request))
            assert "cannot be shown" not in told, record.id
            assert record.status >= 400 or not told.startswith("no valid"), record.id
        data = record.sse.encode() if record.sse else body(record.response)
        told = read_answer(FORMATS[name], data, record.status)
        assert "cannot be shown" not in told, record.id
