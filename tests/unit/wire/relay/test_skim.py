"""What is skimmed is what would have been read: the same bytes, and the same end."""

import json
from contextlib import nullcontext
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.format import Asked
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay import stream_reader
from switchyard.wire.relay.relay import Relay
from switchyard.wire.relay.stage import Stage
from switchyard.wire.shared.call_ids import FreshIds
from switchyard.wire.translate.rename_tools import GivenNames

ASKED = Asked(model="asked", id="0123456789abcdef", created=1_700_000_000, include_usage=True)


def chat(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**said, "choices": [choice], **more}).encode() + b"\n\n"


def anthropic(kind: str, **data: Any) -> bytes:
    said = json.dumps({"type": kind, **data}, ensure_ascii=False)
    return f"event: {kind}\ndata: {said}\n\n".encode()


def block_delta(kind: str, member: str, text: str) -> bytes:
    return anthropic("content_block_delta", index=0, delta={"type": kind, member: text})


texts = st.one_of(
    st.sampled_from(["a", " ", "m", "content", '"', "\\", "\n", "é", "\ud83d", '"id"', "\u2028"]),
    st.text(max_size=6),
)
plain = texts.map(lambda text: chat({"content": text}))
in_utf8 = texts.map(
    lambda text: chat({"content": "@"}).replace(
        b"@", json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    )
)
padded = st.tuples(texts, st.text("aB1", max_size=4)).map(
    lambda both: chat({"content": both[0]}, usage=None, obfuscation=both[1])
)
odd = st.sampled_from(
    [
        chat({"content": ""}),
        chat({"reasoning_content": "hm"}),
        chat({"content": "x", "reasoning_content": "hm"}),
        chat({"content": "x"}, logprobs=None),
        chat({"content": "x"}, "stop"),
        chat({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 2}),
        chat({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f"}}]}),
        b": a comment\n\n",
        b'data: {"error": {"message": "gone"}}\n\n',
        b"data: not JSON\n\n",
        chat({"content": "x"}).replace(b"\n", b"\r\n"),
        chat({"content": "x"}).replace(b'"x"', b'"\xff"'),
        chat({"content": "x"}).replace(b'"x"', b'"\\ud83d"'),
        chat({"content": "x"}).replace(b'"x"', b'"\\/"'),
        chat({"content": "x"}).replace(b'"x"', b'"x'),
        chat({"content": "x"}).replace(b'"x"', b'"x\0y"'),
        chat({"content": "x"}).replace(b'"x"', b'"x"y"'),
        b"data: [DONE]\n\n",
    ]
)
chunks = st.lists(st.one_of(plain, plain, in_utf8, padded, odd), max_size=25)
blocks = st.lists(
    st.one_of(
        texts.filter(lambda text: text.isprintable()).map(
            lambda text: block_delta("text_delta", "text", text)
        ),
        st.sampled_from(
            [
                block_delta("thinking_delta", "thinking", "hm"),
                anthropic("ping"),
                anthropic("content_block_stop", index=0),
                anthropic("content_block_start", index=0, content_block={"type": "thinking"}),
                anthropic("message_delta", delta={"stop_reason": "end_turn"}, usage={}),
                anthropic("error", error={"type": "overloaded_error", "message": "busy"}),
                anthropic("message_stop"),
            ]
        ),
    ),
    max_size=25,
)


def stages_of(home: str, away: str) -> list[Stage]:
    """Those of a conversation that has called tools, some of them by other names."""
    return [] if home == away else [FreshIds({"t"}.__contains__), GivenNames({"given": "f"})]


def relayed(home: str, away: str, pieces: list[bytes], skims: bool) -> tuple[list[bytes], Relay]:
    relay = Relay(FORMATS[home], FORMATS[away], True, ASKED, stages=stages_of(home, away))
    relay.start(200, "text/event-stream")
    out: list[bytes] = []
    with nullcontext() if skims else patch.object(stream_reader, "_skimmer", return_value=None):
        for piece in pieces:
            skimmed = relay.skim(piece) if skims else None
            out.append(relay.feed(piece) if skimmed is None else skimmed)
        out.append(relay.end())
    return out, relay


def check(home: str, away: str, stream: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(stream)
    for pieces in (
        stream,
        [whole],
        [whole[a:b] for a, b in pairwise([0, *sorted(c % (len(whole) + 1) for c in cuts), None])],
    ):
        said, read = relayed(home, away, pieces, skims=False)
        told, skimmed = relayed(home, away, pieces, skims=True)
        assert told == said
        assert (skimmed.done, skimmed.failed, skimmed.stop, skimmed.usage) == (
            *(read.done, read.failed, read.stop, read.usage),
        )


cuts = st.lists(st.integers(0, 3000), max_size=4)


@pytest.mark.parametrize("away", ["openai-chat", "anthropic", "openai-responses"])
@settings(max_examples=150)
@given(stream=chunks, cuts=cuts)
def test_chat(away: str, stream: list[bytes], cuts: list[int]) -> None:
    check("openai-chat", away, [chat({"role": "assistant"}), chat({"content": "A"}), *stream], cuts)


@pytest.mark.parametrize("away", ["anthropic", "openai-chat"])
@settings(max_examples=150)
@given(stream=blocks, cuts=cuts)
def test_anthropic(away: str, stream: list[bytes], cuts: list[int]) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1}
    start = [
        anthropic("message_start", message={"id": "m", "model": "m", "usage": usage}),
        anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    ]
    check("anthropic", away, [*start, *stream], cuts)


@pytest.mark.parametrize(
    ("home", "away", "frames"),
    [
        ("openai-chat", "openai-chat", [chat({"content": f"word{n} "}) for n in range(50)]),
        ("openai-chat", "anthropic", [chat({"content": f"word{n}\n"}) for n in range(50)]),
        (
            *("openai-chat", "openai-chat"),
            [chat({"content": f"w{n}"}, usage=None, obfuscation="x" * (n % 7)) for n in range(50)],
        ),
        ("anthropic", "anthropic", [block_delta("text_delta", "text", f"é{n}") for n in range(50)]),
    ],
)
def test_a_stream_is_not_read_to_the_end(home: str, away: str, frames: list[bytes]) -> None:
    relay = Relay(FORMATS[home], FORMATS[away], True, ASKED, stages=stages_of(home, away))
    relay.start(200, "text/event-stream")
    if home == "anthropic":
        start = anthropic("content_block_start", index=0, content_block={"type": "text"})
        relay.feed(anthropic("message_start", message={"id": "m"}) + start)
    read = [relay.feed(frame) for frame in frames if relay.skim(frame) is None]
    assert len(read) <= 4
    before = relay.progress
    together = relay.skim(b"".join(frames))
    assert together == b"".join(out for frame in frames if (out := relay.skim(frame)) is not None)
    relay.feed(frames[0])
    assert relay.progress == before + len(frames) + 2, "a stream that is skimmed says something"
    assert relay.skim(frames[0][:-1]) is None
