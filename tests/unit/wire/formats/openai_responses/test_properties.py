"""Random answers and random damage: nothing is lost, nothing is raised, every stream ends once."""

import json
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.shared.arguments import settled
from tests.unit.wire.formats.openai_responses.reply_support import ANSWERS
from tests.unit.wire.formats.openai_responses.stream_support import CALLS
from tests.unit.wire.formats.openai_responses.stream_support import FULL_TEXT
from tests.unit.wire.formats.openai_responses.stream_support import sse
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import any_split
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import mend_stream
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import request_identity
from tests.unit.wire.laws import write_stream
from tests.unit.wire.meaning import reply_meaning
from tests.unit.wire.meaning import request_meaning
from tests.unit.wire.openai_responses_sdk import accumulated
from tests.unit.wire.openai_responses_sdk import assert_response

FORMAT = OpenAIResponses()
NAME = FORMAT.name

WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
IDS = st.text("abc123_", min_size=1, max_size=8)
CITATIONS = st.builds(
    Citation,
    url=st.just("https://a.example"),
    title=WORDS.filter(bool),
    start=st.integers(0, 5),
    end=st.integers(5, 9),
    format=st.just("gemini"),
    raw=st.just({}),
)
TEXTS = st.builds(
    Text, text=WORDS.filter(bool), citations=st.lists(CITATIONS, max_size=2).map(tuple)
)
THINKING = st.builds(
    Thinking,
    text=WORDS,
    signature=st.one_of(st.none(), IDS),
    signer=st.sampled_from(["anthropic", "gemini", NAME]),
)
ARGUMENTS = st.one_of(
    st.dictionaries(IDS, WORDS, max_size=3).map(json.dumps),
    WORDS.filter(lambda words: settled(words) == words),  # `null` means no arguments
    st.just(""),
)
CALL = st.builds(ToolCall, id=IDS, name=IDS, arguments=ARGUMENTS)
CUSTOM = st.builds(ToolCall, id=IDS, name=IDS, arguments=WORDS, kind=st.just("custom"))
HOSTED = st.builds(
    Opaque,
    format=st.just(NAME),
    kind=st.just("web_search_call"),
    raw=IDS.map(
        lambda i: {
            "type": "web_search_call",
            "id": i,
            "status": "completed",
            "action": {"type": "search", "query": "a"},
        }
    ),
)
PARTS = st.one_of(
    TEXTS, THINKING, CALL, CUSTOM, HOSTED, st.builds(Refusal, text=WORDS.filter(bool))
)
USAGE = st.builds(
    Usage,
    input=st.integers(0, 999),
    output=st.integers(0, 999),
    cache_read=st.integers(0, 99),
    reasoning=st.integers(0, 99),
).map(counted)


def unique_calls(parts):
    """Ids of calls and items tell them apart, so two of one answer are never the same."""
    ids = [p.id for p in parts if isinstance(p, ToolCall)]
    ids += [p.raw["id"] for p in parts if isinstance(p, Opaque)]
    return len(set(ids)) == len(ids)


@st.composite
def replies(draw):
    parts = draw(st.lists(PARTS, max_size=6).filter(unique_calls))
    called = any(isinstance(part, ToolCall) for part in parts)
    reason = draw(st.sampled_from(["tool_calls" if called else "end", "length", "content_filter"]))
    return Reply(
        format="openai-chat",
        id="x1",
        model="m",
        choices=(Choice(parts=tuple(parts), stop=Stop(reason=reason)),),
        usage=draw(USAGE),
    )


@settings(deadline=None)
@given(replies())
def test_any_answer_survives_being_written_and_read(reply):
    written = FORMAT.write_reply(reply, ASKED)
    assert reply_meaning(FORMAT.read_reply(written)) == reply_meaning(reply)


@settings(max_examples=60, deadline=None)
@given(replies())
def test_any_answer_is_what_the_sdk_expects(reply):
    assert_response(FORMAT.write_reply(reply, ASKED))
    data = write_stream(FORMAT, unfold(reply))
    whole = accumulated(data)
    if whole is not None:
        words = (p.text for p in reply.choice.parts if isinstance(p, Text))
        assert whole.output_text == "".join(words)


@settings(deadline=None)
@given(replies(), st.data())
def test_any_stream_survives_being_written_and_read(reply, data):
    events = list(chopped(unfold(reply), data))
    again = read_stream(FORMAT, write_stream(FORMAT, events))
    assert reply_meaning(fold(NAME, again)) == reply_meaning(reply)
    assert sum(isinstance(event, End) for event in again) == 1


def chopped(events, data):
    """The same events with their deltas in smaller pieces."""
    for event in events:
        if isinstance(event, TextDelta | ArgumentsDelta):
            cut = data.draw(st.integers(0, len(event.text)))
            for piece in (event.text[:cut], event.text[cut:]):
                yield type(event)(event.index, piece)
        else:
            yield event


@settings(deadline=None)
@given(replies(), st.data())
def test_parts_that_overlap_are_told_one_after_another(reply, data):
    """However the events of several parts are mixed, their items come out whole and in order."""
    start, *middle = unfold(reply)
    queues: dict[int, list[Any]] = {}
    for event in middle:
        if (index := getattr(event, "index", None)) is not None:
            queues.setdefault(index, []).append(event)
    mixed = [queue.pop(0) for queue in queues.values()]
    while live := [queue for queue in queues.values() if queue]:
        mixed.append(data.draw(st.sampled_from(live)).pop(0))
    ends = [e for e in middle if not hasattr(e, "index")]
    written = write_stream(FORMAT, [start, *mixed, *ends])
    again = fold(NAME, read_stream(FORMAT, written))
    assert reply_meaning(again) == reply_meaning(reply)
    accumulated(written)


STREAMS = [sse(*FULL_TEXT), *(sse(*events) for events in CALLS.values())]
STREAMS += [write_stream(FORMAT, unfold(FORMAT.read_reply(answer))) for answer in ANSWERS.values()]

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    WORDS,
    st.just([]),
    st.just({}),
    st.just([None, 7, {"type": "output_text"}]),
    st.just({"type": "message", "content": 7}),
)


@st.composite
def damaged(draw):
    """A stream with events dropped, doubled, cut short, or with members of the wrong type."""
    pieces = draw(st.sampled_from(STREAMS)).split(b"\n\n")
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(pieces) - 1))
        match draw(st.sampled_from(["drop", "double", "cut", "change"])):
            case "drop":
                pieces[at] = b": gone"
            case "double":
                pieces.insert(at, pieces[at])
            case "cut":
                pieces[at] = pieces[at][: draw(st.integers(0, len(pieces[at])))]
            case "change":
                pieces[at] = changed(draw, pieces[at])
    return b"\n\n".join(pieces)


def changed(draw, piece):
    head, mark, payload = piece.partition(b"data: ")
    try:
        event = json.loads(payload)
    except ValueError:
        return piece
    target = event
    while isinstance(target, dict) and target:
        key = draw(st.sampled_from(sorted(target)))
        if not isinstance(target[key], dict) or draw(st.booleans()):
            target[key] = draw(VALUES)
            break
        target = target[key]
    return head + mark + json.dumps(event).encode()


@settings(max_examples=120, deadline=None)
@given(damaged())
def test_damage_is_never_raised_and_every_stream_ends_right(data):
    events = read_stream(FORMAT, data)
    ends = [event for event in events if isinstance(event, End | Failure)]
    assert len(ends) <= 1
    assert not ends or events[-1] is ends[0]
    opened = [e.index for e in events if isinstance(e, PartStart)]
    closed = [e.index for e in events if isinstance(e, PartEnd)]
    assert sorted(opened) == sorted(closed)
    written = write_stream(FORMAT, events)
    names = [frame.event for frame in frames(FORMAT, written)]
    terminal = {b"response.completed", b"response.incomplete", b"response.failed"}
    assert [name in terminal for name in names] == [False] * (len(names) - 1) + [True]
    if not any(isinstance(e, PartStart) and isinstance(e.part, Opaque | Media) for e in events):
        # Items of hosted tools go through as they are, damage included.
        accumulated(written, strict=False)
    mend_stream(FORMAT, data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_never_raised(data):
    FORMAT.stream_reader().feed(Frame(data))
    assert not any(isinstance(e, End) for e in read_stream(FORMAT, b"data: " + data))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(STREAMS), st.integers(0, 99))
def test_a_stream_reads_the_same_however_it_is_cut(data, seed):
    any_split(FORMAT, data, seed)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), WORDS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(IDS, inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.dictionaries(IDS, JSON, max_size=3), st.dictionaries(IDS, JSON, max_size=3))
def test_unknown_members_survive_wherever_they_are(top, inner):
    inner = {f"x_{key}": value for key, value in inner.items()}
    body = {f"x_{key}": value for key, value in top.items()} | {
        "model": "m",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a", **inner}], **inner},
            {
                "type": "reasoning",
                "summary": [{"type": "summary_text", "text": "a", **inner}],
                **inner,
            },
            {"type": "message", "role": "assistant", "content": "a", **inner},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "", **inner},
            {"type": "function_call_output", "call_id": "c", "output": "a", **inner},
            {"type": "odd", **inner},
        ],
        "tools": [{"type": "function", "name": "f", **inner}, {"type": "odd", **inner}],
        "text": {"format": {"type": "text", **inner}, **inner},
        "reasoning": inner,
    }
    request_identity(FORMAT, body)


TURNS = st.one_of(
    st.builds(Turn, role=st.just("user"), parts=st.lists(TEXTS, min_size=1, max_size=2).map(tuple)),
    st.builds(
        Turn,
        role=st.just("assistant"),
        parts=st.lists(st.one_of(TEXTS, CALL), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        Turn,
        role=st.just("user"),
        parts=st.builds(ToolResult, call_id=IDS, parts=st.lists(TEXTS, max_size=2).map(tuple)).map(
            lambda result: (result,)
        ),
    ),
)


@settings(deadline=None)
@given(st.lists(TURNS, max_size=6), WORDS, st.one_of(st.none(), st.integers(1, 99)))
def test_any_conversation_survives_being_written_and_read(turns, system, limit):
    first = [Turn(role="system", parts=(Text(text=system),))] if system else []
    c = Conversation(
        format="openai-chat", model="m", turns=(*first, *turns), max_tokens=limit, temperature=0.5
    )
    written = FORMAT.write_request(c)
    assert request_meaning(FORMAT.read_request(written)) == request_meaning(c)
    request_identity(FORMAT, written)


@settings(deadline=None)
@given(replies())
def test_a_signature_added_late_is_not_lost(reply):
    events = [
        *unfold(reply)[:1],
        PartStart(0, ToolCall(id="c", name="f")),
        SignatureDelta(0, "sig", "gemini"),
        PartEnd(0),
        *unfold(reply)[-2:],
    ]
    items = [
        json.loads(frame.data)["item"]
        for frame in frames(FORMAT, write_stream(FORMAT, events))
        if frame.event == b"response.output_item.done"
    ]
    turns = FORMAT.read_request({"model": "m", "input": items}).turns
    assert [p.signature for p in turns[0].parts if isinstance(p, ToolCall)] == ["sig"]


def test_a_call_completed_twice_under_other_ids_is_one():
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    done = [
        {"type": "response.output_item.done", "output_index": 0, "item": {**item, "id": id}}
        for id in (None, "fc_1", "fc_2")
    ]
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in done)
    assert len([e for e in read_stream(FORMAT, data) if isinstance(e, PartStart)]) == 1


def test_a_call_added_twice_under_other_ids_is_one():
    item = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    kinds = [("added", None), ("added", "fc_1"), ("done", "fc_1")]
    events = [
        {"type": f"response.output_item.{kind}", "output_index": 0, "item": {**item, "id": id}}
        for kind, id in kinds
    ]
    data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    assert len([e for e in read_stream(FORMAT, data) if isinstance(e, PartStart)]) == 1
