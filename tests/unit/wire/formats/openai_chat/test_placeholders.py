"""Empty arguments at the beginning of a call, in a Chat stream for a Chat client."""

from typing import Any

import pytest

from switchyard.wire.model.errors import ApiError
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.wire import openai_sdk
from tests.unit.wire.chat_chunks import CHAT
from tests.unit.wire.chat_chunks import DONE
from tests.unit.wire.chat_chunks import ROLE
from tests.unit.wire.chat_chunks import STOP
from tests.unit.wire.chat_chunks import bare
from tests.unit.wire.chat_chunks import call
from tests.unit.wire.chat_chunks import calls
from tests.unit.wire.chat_chunks import chunk
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import mend_stream

CALLED = chunk({}, "tool_calls")
TEXT = chunk({"content": "a"})
USED = bare(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2})


def begins(index: int, arguments: Any = "{}") -> bytes:
    return calls(call(index, f"c{index}", name="look", arguments=arguments))


def goes_on(index: int, *texts: str) -> list[bytes]:
    return [calls(call(index, arguments=text)) for text in texts]


def arguments(data: bytes) -> list[str]:
    """The arguments of each call, as the official SDK adds their fragments up."""
    return [given for _, _, given in openai_sdk.functions(openai_sdk.streamed(data))]


@pytest.mark.parametrize("empty", ["{}", "null", "", "[]", " {} ", {}, [], None], ids=repr)
@pytest.mark.parametrize(
    "texts", [['{"a":1}'], ['{"a"', ":1}"], ["", "{", '"a":1}']], ids=["whole", "halves", "late"]
)
def test_arguments_replace_an_empty_value(empty: Any, texts: list[str]) -> None:
    data = b"".join([ROLE, begins(0, empty), *goes_on(0, *texts), CALLED, DONE])
    assert arguments(mend_stream(CHAT, data)) == ['{"a":1}']


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_however_the_stream_is_cut(size: int) -> None:
    data = b"".join([ROLE, TEXT, TEXT, begins(0), *goes_on(0, "{", '"a":1}'), CALLED, DONE])
    relay = Relay(FORMATS["openai-chat"], FORMATS["openai-chat"], True, ASKED)
    relay.start(200, "text/event-stream")
    out = b"".join(relay.feed(data[i : i + size]) for i in range(0, len(data), size)) + relay.end()
    assert arguments(out) == ['{"a":1}']


def test_one_call_after_the_other() -> None:
    pieces = [begins(0), *goes_on(0, '{"a":1}'), begins(1), begins(2), *goes_on(2, '{"c":3}')]
    out = mend_stream(CHAT, b"".join([ROLE, *pieces, CALLED, DONE]))
    assert arguments(out) == ['{"a":1}', "{}", '{"c":3}']


def test_calls_that_begin_together() -> None:
    both = calls(*(call(i, f"c{i}", name="look", arguments="{}") for i in (0, 1)))
    data = [ROLE, both, *goes_on(0, '{"a":1}'), *goes_on(1, '{"b":2}'), CALLED, DONE]
    assert arguments(mend_stream(CHAT, b"".join(data))) == ['{"a":1}', '{"b":2}']


@pytest.mark.parametrize(
    "pieces",
    [
        [begins(0), CALLED, DONE],
        [begins(0), CALLED, USED, DONE],
        [begins(0), STOP, DONE],
        [begins(0), begins(1), begins(2), CALLED, DONE],
        [begins(0), begins(1, '{"b":2}'), CALLED, DONE],
        [begins(0), TEXT, TEXT, CALLED, DONE],
        [TEXT, TEXT, begins(0), TEXT, TEXT, TEXT, begins(1), CALLED, DONE],
        [chunk({"tool_calls": [call(0, "c", name="f", arguments="{}")]}, "tool_calls"), DONE],
    ],
)
def test_an_empty_object_that_nothing_replaces_keeps_its_bytes(pieces: list[bytes]) -> None:
    assert mend_stream(CHAT, b"".join([ROLE, *pieces])) == b"".join([ROLE, *pieces])


def test_an_end_without_a_finish_reason() -> None:
    out = mend_stream(CHAT, b"".join([ROLE, begins(0), DONE]))
    assert out.startswith(ROLE + begins(0)) and arguments(out) == ["{}"]


def test_only_the_chunk_that_may_be_wrong_waits() -> None:
    reader, mender = CHAT.stream_reader(), CHAT.mender(ASKED)
    pieces = [ROLE, begins(0), begins(1), *goes_on(1, '{"b"', ":2}"), CALLED]
    out = [
        mender.feed(frame, reader.feed(frame)) for piece in pieces for frame in frames(CHAT, piece)
    ]
    _, first, second, more, rest, last = pieces
    assert out[:3] == [ROLE, b"", first] and rest in out and out[-1] == last
    assert arguments(b"".join([*out, DONE])) == ["{}", '{"b":2}']
    assert second not in out and more in out[3]


def test_not_every_chunk_that_adds_nothing_waits() -> None:
    reader, mender = CHAT.stream_reader(), CHAT.mender(ASKED)
    empty = goes_on(0, "")[0]
    pieces = frames(CHAT, b"".join([ROLE, begins(0), *[empty] * 1000]))
    out = b"".join(mender.feed(frame, reader.feed(frame)) for frame in pieces)
    assert out == b"".join([ROLE, begins(0), *[empty] * 1000])


def test_a_failure_is_told_behind_the_call() -> None:
    reader, mender = CHAT.stream_reader(), CHAT.mender(ASKED)
    for frame in frames(CHAT, ROLE + begins(0)):
        mender.feed(frame, reader.feed(frame))
    out = mender.fail(ApiError(message="gone", kind="timeout"))
    assert out.startswith(begins(0)) and b"gone" in out
