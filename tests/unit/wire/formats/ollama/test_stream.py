"""Streams of `/api/chat`: read, written and mended."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from tests.unit.wire import laws
from tests.unit.wire.formats.ollama.support import OLLAMA
from tests.unit.wire.formats.ollama.support import answer
from tests.unit.wire.formats.ollama.support import line
from tests.unit.wire.formats.ollama.support import lines_of
from tests.unit.wire.formats.ollama.support import reply_of
from tests.unit.wire.laws import ASKED
from tests.unit.wire.meaning import reply_meaning


def stream(*lines: Any) -> list[Event]:
    reader = OLLAMA.stream_reader()
    events = [e for line in lines for e in reader.feed(Frame(dumps(line)))]
    return events + reader.close()


def test_stream():
    events = stream(
        line({"thinking": "h"}),
        line({"thinking": "m"}),
        line({"content": "Hel"}),
        line({"content": "lo"}),
        line({"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
        line({"tool_calls": [{"id": "x", "function": {"name": "g", "arguments": {"a": 1}}}]}),
        answer({"content": ""}),
    )
    assert isinstance(events[-1], End)
    reply = fold("ollama", events)
    thinking, text, f, g = reply.choice.parts
    assert (thinking, text) == (Thinking(text="hm"), Text(text="Hello"))
    assert isinstance(f, ToolCall) and isinstance(g, ToolCall) and g.id == "x"
    assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"
    assert reply.usage == Usage(input=3, output=4)
    last = lines_of(laws.write_stream(OLLAMA, events))[-1]
    assert (last["total_duration"], last["done"], last["eval_count"]) == (5, True, 4)


def test_stream_that_was_cut_or_failed():
    events = stream(line({"content": "Hel"}))
    assert not any(isinstance(event, Finish | End) for event in events)
    events = stream(line({"content": "Hel"}), {"error": "model runner has crashed"}, line({}))
    assert isinstance(events[-1], Failure)
    assert lines_of(laws.write_stream(OLLAMA, events))[-1] == {"error": "model runner has crashed"}


@pytest.mark.parametrize(
    "data",
    [b"no json", b"3", b"{}", b'{"message": 3}', b'{"message": {"content": 4, "tool_calls": 5}}'],
)
def test_nonsense_never_raises(data: bytes):
    reader = OLLAMA.stream_reader()
    reader.feed(Frame(data))
    reader.close()
    assert reader.close() == []


def test_writer_closes_what_nobody_ended():
    assert OLLAMA.stream_writer(ASKED).close() == b""
    writer = OLLAMA.stream_writer(ASKED)
    data = writer.feed(Start(model="m")) + writer.feed(PartStart(0, ToolCall(id="a", name="f")))
    data += writer.feed(TextDelta(7, "of no part")) + writer.feed(TextDelta(0, "x", choice=1))
    data += writer.close()
    call, last = lines_of(data)
    assert call["message"]["tool_calls"][0]["function"]["name"] == "f" and last["done"]
    assert writer.close() == b"" and writer.feed(End()) == b""


def test_mender():
    body = dumps(line({"content": "a"}))
    mender = OLLAMA.mender(ASKED)
    assert mender.feed(Frame(body, raw=body + b"\n"), [TextDelta(0, "a")]) == body + b"\n"
    assert mender.feed(Frame(body), []) == body + b"\n"
    assert mender.feed(Frame(b"junk"), []) == b""
    assert lines_of(mender.fail(ApiError(message="gone"))) == [{"error": "gone"}]
    assert mender.fail(ApiError(message="x")) == mender.feed(Frame(body), []) == b""
    ended = OLLAMA.mender(ASKED)
    assert ended.feed(Frame(body), [End()]) and ended.feed(Frame(body), []) == b""
    assert ended.close([]) == b""


PARTS = st.one_of(
    st.builds(Text, text=st.text(min_size=1)),
    st.builds(Thinking, text=st.text(min_size=1)),
    st.builds(ToolCall, id=st.just("a"), name=st.just("f"), arguments=st.just('{"a": 1}')),
)


@given(st.lists(PARTS, max_size=6))
def test_any_answer_survives_being_streamed(parts: list[Any]):
    reply = reply_of(*parts, usage=Usage(input=5, output=7))
    again = laws.read_stream(OLLAMA, laws.write_stream(OLLAMA, unfold(reply)))
    assert sum(isinstance(event, End) for event in again) == 1
    meant = reply_meaning(reply)
    if any(isinstance(part, ToolCall) for part in parts):
        meant["stop"] = "tool_calls"
    assert reply_meaning(fold("ollama", again)) == meant
    assert reply_meaning(OLLAMA.read_reply(OLLAMA.write_reply(reply, ASKED))) == meant


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 40))
def test_damaged_streams_never_raise(junk: bytes, at: int, length: int):
    reply = reply_of(Thinking(text="hm"), Text(text="hi"), ToolCall(id="a", name="f"))
    data = laws.write_stream(OLLAMA, unfold(reply))
    events = laws.read_stream(OLLAMA, data[:at] + junk + data[at + length :])
    assert sum(isinstance(event, End | Failure) for event in events) <= 1
    lines_of(laws.write_stream(OLLAMA, events))
