import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.json_array import JsonArrayDecoder
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from switchyard.wire.shared.call_ids import is_made_up
from tests.unit.wire import laws
from tests.unit.wire.formats.gemini.reply_support import GEMINI
from tests.unit.wire.formats.gemini.reply_support import SIGNED
from tests.unit.wire.formats.gemini.reply_support import USAGE
from tests.unit.wire.formats.gemini.reply_support import chunks_of
from tests.unit.wire.formats.gemini.reply_support import folded
from tests.unit.wire.formats.gemini.reply_support import parts_of
from tests.unit.wire.formats.gemini.reply_support import reply_of
from tests.unit.wire.formats.gemini.reply_support import response
from tests.unit.wire.formats.gemini.reply_support import stream
from tests.unit.wire.laws import ASKED
from tests.unit.wire.meaning import reply_meaning


def test_stream_runs_texts_together():
    reply = folded(
        response({"text": "th", "thought": True}, finish=None),
        response({"text": "ink", "thought": True}, {"text": "Hel"}, finish=None),
        response({"text": "lo"}, finish=None),
        response({"functionCall": {"name": "f", "args": {}}}, finish=None),
        response({"text": ""}),
    )
    thinking, text, call = reply.choice.parts
    assert isinstance(thinking, Thinking) and thinking.text == "think"
    assert isinstance(text, Text) and text.text == "Hello"
    assert isinstance(call, ToolCall) and is_made_up(call.id)
    assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"


def test_signature_after_the_text_belongs_to_it():
    events = stream(
        response({"text": "Hel"}, finish=None),
        response({"text": "lo"}, finish=None),
        response({"text": "", "thoughtSignature": "AAAA"}),
    )
    reply = fold("gemini", events)
    (part,) = GEMINI.write_reply(reply, ASKED)["candidates"][0]["content"]["parts"]
    assert part == {"text": "Hello", "thoughtSignature": "AAAA"}
    parts = parts_of(chunks_of(laws.write_stream(GEMINI, events)))
    assert parts == [
        {"text": "Hel"},
        {"text": "lo"},
        {"text": "", "thoughtSignature": "AAAA"},
        {"text": ""},
    ]


def test_signatures_end_what_they_sign():
    reply = folded(
        response({"text": "a", "thought": True, "thoughtSignature": "AA"}, finish=None),
        response({"text": "b", "thought": True}, finish=None),
        response({"text": "c", "thoughtSignature": "CC"}, finish=None),
        response({"text": "d"}),
    )
    assert [(type(p), getattr(p, "text", "")) for p in reply.choice.parts] == [
        (Thinking, "a"),
        (Thinking, "b"),
        (Text, "c"),
        (Text, "d"),
    ]
    first = reply.choice.parts[0]
    assert isinstance(first, Thinking) and (first.signature, first.signer) == ("AA", "gemini")


def test_arguments_in_pieces():
    def piece(**call: Any) -> dict[str, Any]:
        return response({"functionCall": call}, finish=None)

    def at(path: str, **value: Any) -> dict[str, Any]:
        return {"partialArgs": [{"jsonPath": path, **value}], "willContinue": True}

    reply = folded(
        response(
            {"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "AA"},
            finish=None,
        ),
        piece(**at("$.items[0].name", stringValue="ap", willContinue=True)),
        piece(**at("$.items[0].name", stringValue="ple")),
        piece(**at("$.items[1]", numberValue=2.5)),
        piece(**at("$['a key']['it\\'s']", boolValue=True)),
        piece(**at('$["n"]', nullValue="NULL_VALUE")),
        piece(**at("$..deep", stringValue="passed over")),
        piece(**at("$.items[99999999]", stringValue="passed over")),
        piece(),
        piece(name="g", willContinue=True),
        piece(),
        piece(name="h", args={"whole": 1}),
        piece(name="i", args={"x": 0}, willContinue=True),
        piece(partialArgs=[{"jsonPath": "$.y", "numberValue": 1}]),
        response({"text": ""}),
    )
    f, g, h, i = reply.choice.parts
    assert isinstance(f, ToolCall) and f.signature == "AA"
    assert json.loads(f.arguments) == {
        "items": [{"name": "apple"}, 2.5],
        "a key": {"it's": True},
        "n": None,
    }
    assert isinstance(g, ToolCall) and g.arguments == "{}"
    assert isinstance(h, ToolCall) and h.arguments == '{"whole":1}'
    assert isinstance(i, ToolCall) and i.arguments == '{"x":0,"y":1}'


def test_arguments_that_were_cut_are_no_call_to_run():
    events = stream(
        response({"functionCall": {"name": "f", "willContinue": True}}, finish=None),
        response(
            {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}},
            finish=None,
        ),
    )
    assert not any(isinstance(event, Finish | End) for event in events)


def test_usage_is_told_early_and_exactly_at_the_end():
    events = stream(
        response({"text": "a"}, finish=None, usageMetadata={"trafficType": "X"}),
        response({"text": "b"}, finish=None, usageMetadata={"promptTokenCount": 5}),
        response({"text": "c"}, usageMetadata=USAGE),
    )
    told = [event.usage for event in events if isinstance(event, UsageUpdate)]
    assert [usage.input for usage in told] == [5, 100]
    usage = fold("gemini", events).usage
    assert usage and usage.extra["gemini"]["promptTokensDetails"] == USAGE["promptTokensDetails"]


def test_several_candidates():
    chunk = {
        "candidates": [
            {"content": {"parts": [{"text": "b"}]}, "index": 1},
            {"content": {"parts": [{"text": "a"}]}, "index": 0, "finishReason": "STOP"},
        ]
    }
    events = stream(chunk)
    assert not any(isinstance(event, End) for event in events)
    events = stream(chunk, {"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]})
    reply = fold("gemini", events)
    assert [choice.stop and choice.stop.reason for choice in reply.choices] == ["end", "length"]
    again = laws.read_stream(GEMINI, laws.write_stream(GEMINI, events))
    texts = [[p.text for p in c.parts if isinstance(p, Text)] for c in fold("g", again).choices]
    assert texts == [["a"], ["b"]]
    whole = GEMINI.read_reply(GEMINI.write_reply(reply, ASKED))
    assert len(whole.choices) == 2


@pytest.mark.parametrize(
    "frames",
    [
        [b"no json", b"[1, 2]", b'"text"', b"null", b"[DONE]"],
        [b'{"candidates": null}', b'{"candidates": [null, 3]}', b'{"candidates": [{}]}'],
        [b'{"candidates": [{"content": {"parts": [null, "x", {}, {"functionCall": 3}]}}]}'],
        [b'{"candidates": [{"content": "x", "index": "y"}], "usageMetadata": 3}'],
        [b'{"usageMetadata": {"promptTokenCount": "12"}, "createTime": "never"}'],
        [b'{"candidates": [{"groundingMetadata": {"groundingChunks": 3}}]}'],
        [b'{"candidates": [{"content": {"parts": [{"text": 3}, {"thoughtSignature": 4}]}}]}'],
    ],
)
def test_nonsense_never_raises(frames: list[bytes]):
    reader = GEMINI.stream_reader()
    for frame in frames:
        reader.feed(Frame(frame))
    reader.close()
    assert reader.close() == []


def test_error_in_a_stream():
    events = stream(
        response({"text": "a"}, finish=None),
        [{"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}],
        response({"text": "b"}),
    )
    failure = events[-1]
    assert isinstance(failure, Failure) and failure.error.kind == "overloaded"
    (*_, last) = chunks_of(laws.write_stream(GEMINI, events))
    assert last == {"error": {"code": 503, "message": "Busy", "status": "UNAVAILABLE"}}


def test_array_framing():
    reply = reply_of(Text(text='a[{"}\\'), ToolCall(id="a", name="f"), stop="tool_calls")
    data = laws.write_stream(GEMINI, unfold(reply), replace(ASKED, array=True))
    chunks = json.loads(data)
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    for size in (1, 3, 1000):
        decoder = JsonArrayDecoder()
        frames = [f for i in range(0, len(data), size) for f in decoder.feed(data[i : i + size])]
        frames += decoder.close()
        assert [json.loads(frame.data) for frame in frames] == chunks
    empty = GEMINI.stream_writer(replace(ASKED, array=True))
    assert json.loads(empty.close()) == []
    failed = GEMINI.stream_writer(replace(ASKED, array=True))
    error = failed.feed(Failure(ApiError(message="no")))
    assert json.loads(error + failed.close())[0]["error"]["message"] == "no"


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=4),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(alphabet='a"\\[]{},é\n'),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
                max_leaves=5,
            ),
            max_size=3,
        ),
        max_size=4,
    ),
    st.booleans(),
    st.data(),
)
def test_any_array_is_taken_apart(values: list[Any], pretty: bool, data: st.DataObject):
    text = json.dumps(values, indent=2 if pretty else None).encode()
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    edges = [0, *sorted(cuts), len(text)]
    decoder = JsonArrayDecoder()
    frames = [frame for start, end in pairwise(edges) for frame in decoder.feed(text[start:end])]
    assert [json.loads(frame.data) for frame in frames] == values


def test_writer_closes_what_nobody_ended():
    writer = GEMINI.stream_writer(ASKED)
    assert writer.close() == b"" and writer.feed(TextDelta(0, "x")) == b""
    writer = GEMINI.stream_writer(ASKED)
    data = writer.feed(Start(id="i", model="m"))
    data += writer.feed(PartStart(0, ToolCall(id="a", name="f")))
    data += writer.feed(TextDelta(7, "of no part"))
    data += writer.close()
    call, last = chunks_of(data)
    assert call["candidates"][0]["content"]["parts"][0]["functionCall"]["name"] == "f"
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert writer.close() == b"" and writer.feed(End()) == b""


def test_mender():
    chunk = dumps(response({"text": "a"}))
    events = GEMINI.stream_reader().feed(Frame(chunk))
    mender = GEMINI.mender(ASKED)
    raw = b"data: " + chunk + b"\n\n"
    assert mender.feed(Frame(chunk, raw=raw), events) == raw
    assert mender.feed(Frame(chunk), events) == raw
    assert mender.feed(Frame(chunk, b"message", raw=b"event: message\n" + raw), events) == raw
    assert mender.feed(Frame(b"[" + chunk + b"," + chunk + b"]"), events) == raw + raw
    pretty = json.dumps(json.loads(chunk), indent=1).encode()
    assert mender.feed(Frame(pretty), events) == raw
    for junk in (b"[DONE]", b"3", b"{broken", b'"x"'):
        assert mender.feed(Frame(junk, raw=b"data: " + junk + b"\n\n"), []) == b""
    silent = b'{"usageMetadata":{}}'
    assert mender.feed(Frame(silent, raw=b"data: " + silent + b"\n\n"), []) != b""
    failed = mender.fail(ApiError(message="gone", kind="unavailable"))
    assert chunks_of(failed)[0]["error"]["status"] == "UNAVAILABLE"
    assert (
        mender.fail(ApiError(message="x"))
        == mender.close([])
        == mender.feed(Frame(chunk), [])
        == b""
    )


PARTS = st.one_of(
    st.builds(Text, text=st.text(min_size=1)),
    st.builds(Refusal, text=st.text(min_size=1)),
    st.builds(Thinking, text=st.text(min_size=1)),
    st.builds(
        Thinking,
        text=st.text(),
        signature=st.sampled_from(["AAAA", "s"]),
        signer=st.sampled_from(["gemini", "anthropic"]),
    ),
    st.builds(
        ToolCall,
        id=st.text(alphabet="abc", min_size=1, max_size=3),
        name=st.sampled_from(["f", "g"]),
        arguments=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)).map(
            lambda args: json.dumps(args)
        ),
    ),
    st.builds(Media, kind=st.just("image"), media_type=st.just("image/png"), data=st.just("AAAA")),
)


@example([ToolCall(id="a", name="f", arguments='{"": -9223372036854775809}')], "end")
@given(st.lists(PARTS, max_size=6), st.sampled_from(["end", "length", "content_filter"]))
def test_any_answer_survives_being_streamed(parts: list[Any], stop: StopReason):
    usage = Usage(input=5, output=7, reasoning=2)
    reply = reply_of(*parts, stop=stop, usage=usage)
    calls = any(isinstance(part, ToolCall) for part in parts)
    again = laws.read_stream(GEMINI, laws.write_stream(GEMINI, unfold(reply)))
    assert sum(isinstance(event, End) for event in again) == 1
    meant, said = reply_meaning(reply, ["refusals-as-text"]), reply_meaning(fold("gemini", again))
    if calls and stop == "end":
        meant["stop"] = "tool_calls"
    assert said == {**meant, "refusal": ""}
    whole = reply_meaning(GEMINI.read_reply(GEMINI.write_reply(reply, ASKED)))
    assert whole == said


CHUNK_PARTS = st.sampled_from(
    [
        {"text": "a"},
        {"text": ""},
        {"text": "t", "thought": True},
        {"text": "t", "thought": True, "thoughtSignature": "AA"},
        {"text": "", "thoughtSignature": "BB"},
        {"thoughtSignature": "CC"},
        {"functionCall": {"name": "f", "args": {"a": 1}}},
        {"functionCall": {"name": "g", "willContinue": True}},
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}},
        {"functionCall": {}},
        {"inlineData": {"mimeType": "image/png", "data": "AA"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
        {},
        None,
    ]
)


CHUNKS = st.builds(
    lambda parts, finish, index: {
        "candidates": [{"content": {"parts": parts}, "finishReason": finish, "index": index}]
    },
    st.lists(CHUNK_PARTS, max_size=3),
    st.sampled_from([None, None, "STOP", "MAX_TOKENS", 1]),
    st.sampled_from([0, 0, 0, 1]),
)


def assert_grammar(events: list[Event]) -> None:
    """Start first, parts begun once and ended once before their answer ends, one end."""
    assert not events or isinstance(events[0], Start)
    seen: set[tuple[int, int]] = set()
    open_: set[tuple[int, int]] = set()
    for event in events:
        match event:
            case PartStart():
                assert (event.choice, event.index) not in seen
                seen.add((event.choice, event.index))
                open_.add((event.choice, event.index))
            case PartEnd():
                open_.remove((event.choice, event.index))
            case Finish():
                assert not any(choice == event.choice for choice, _ in open_)
            case TextDelta():
                assert (event.choice, event.index) in open_
    assert not open_
    assert sum(isinstance(event, End) for event in events) <= 1


@given(st.lists(CHUNKS, max_size=8))
def test_any_chunks_keep_the_grammar(chunks: list[Any]):
    events = stream(*chunks)
    assert_grammar(events)
    again = stream(*chunks_of(laws.write_stream(GEMINI, events)))
    assert_grammar(again)
    if any(isinstance(event, End) for event in events):
        assert reply_meaning(fold("g", again)) == reply_meaning(fold("g", events))


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 40))
def test_damaged_streams_never_raise(junk: bytes, at: int, length: int):
    data = laws.write_stream(GEMINI, unfold(reply_of(*SIGNED, stop="tool_calls")))
    data = data[:at] + junk + data[at + length :]
    events = laws.read_stream(GEMINI, data)
    assert_grammar(events)
    chunks_of(laws.write_stream(GEMINI, events))


@pytest.mark.parametrize("client", ["gemini", "openai-chat"])
@pytest.mark.parametrize("streams", [True, False])
def test_an_upstream_that_streams_an_array_is_understood(client: str, streams: bool):
    """As Gemini does where a gateway loses `alt=sse` from the query."""
    said = json.dumps([response({"text": "Hel"}, finish=None), response({"text": "lo"})], indent=1)
    relay = Relay(GEMINI, FORMATS[client], streams, ASKED)
    relay.start(200, "application/json")
    out = b"".join(relay.feed(said[i : i + 7].encode()) for i in range(0, len(said), 7))
    out += relay.end()
    assert relay.committed and not relay.failed
    if streams:
        reply = fold(client, laws.read_stream(FORMATS[client], out))
    else:
        reply = FORMATS[client].read_reply(json.loads(relay.body))
    assert reply_meaning(reply)["text"] == "Hello"
