"""Streams of the Responses API are read from whatever a provider sends."""

import json

import pytest

from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import fold
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import FUNCTION_CALL
from tests.unit.wire.formats.openai_responses.reply_support import SITE
from tests.unit.wire.formats.openai_responses.reply_support import message
from tests.unit.wire.formats.openai_responses.reply_support import response
from tests.unit.wire.formats.openai_responses.reply_support import text
from tests.unit.wire.formats.openai_responses.request_support import REASONING
from tests.unit.wire.formats.openai_responses.stream_support import CALL_STARTED
from tests.unit.wire.formats.openai_responses.stream_support import CALLS
from tests.unit.wire.formats.openai_responses.stream_support import CREATED
from tests.unit.wire.formats.openai_responses.stream_support import FULL_TEXT
from tests.unit.wire.formats.openai_responses.stream_support import HI
from tests.unit.wire.formats.openai_responses.stream_support import NAME
from tests.unit.wire.formats.openai_responses.stream_support import OPEN_MESSAGE
from tests.unit.wire.formats.openai_responses.stream_support import added
from tests.unit.wire.formats.openai_responses.stream_support import arguments
from tests.unit.wire.formats.openai_responses.stream_support import completed
from tests.unit.wire.formats.openai_responses.stream_support import delta
from tests.unit.wire.formats.openai_responses.stream_support import done
from tests.unit.wire.formats.openai_responses.stream_support import event
from tests.unit.wire.formats.openai_responses.stream_support import sse
from tests.unit.wire.formats.openai_responses.stream_support import thought
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream
from tests.unit.wire.openai_responses_sdk import told

TEXTS = {
    "everything": FULL_TEXT,
    "only finished items": [CREATED, done(HI), completed()],
    "only the last response": [completed(HI)],
    "only deltas": [CREATED, added(OPEN_MESSAGE), delta("hi "), delta("there"), completed()],
    "deltas alone": [delta("hi "), delta("there"), completed()],
    "no item before the first delta": [
        CREATED,
        delta("hi "),
        delta("there"),
        done(HI),
        completed(HI),
    ],
    "a delta is missing": [CREATED, added(OPEN_MESSAGE), delta("hi"), done(HI), completed(HI)],
    "the finished text only": [
        CREATED,
        added(OPEN_MESSAGE),
        event("output_text.done", output_index=0, content_index=0, text="hi there"),
        completed(),
    ],
    "another id in every event": [
        CREATED,
        added({**OPEN_MESSAGE, "id": "a"}),
        delta("hi ", item="b"),
        delta("there", item="c"),
        done({**HI, "id": "d"}),
        completed({**HI, "id": "e"}),
    ],
    "no index": [
        event("output_item.added", item=OPEN_MESSAGE),
        event("output_text.delta", item_id="msg_1", delta="hi "),
        event("output_text.delta", delta="there"),
        event("output_item.done", item=HI),
        completed(HI),
    ],
    "the part begins with words": [
        added(OPEN_MESSAGE),
        event("content_part.added", output_index=0, content_index=0, part=text("hi ")),
        delta("there"),
        completed(HI),
    ],
    "the last item is empty": [
        added(OPEN_MESSAGE),
        delta("hi there"),
        done(message()),
        completed(),
    ],
    "the end has a name of its own": [done(HI), event("done", response=response(HI))],
    "the end is the response alone": [delta("hi there"), response(HI)],
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_however_much_is_left_out(name, named):
    events = read_stream(FORMAT, sse(*TEXTS[name], named=named))
    reply = fold(NAME, events)
    assert "".join(p.text for p in reply.choice.parts if isinstance(p, Text)) == "hi there"
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "hi there"
    assert reply.choice.stop == Stop(reason="end", raw="completed")
    assert reply.usage is not None and reply.usage.input == 10
    assert [type(e) for e in events[-2:]] == [Finish, End]


def test_events_are_known_by_their_name_where_the_payload_has_no_type():
    untyped = {k: v for k, v in delta("hi there").items() if k != "type"}
    data = f"event: response.output_text.delta\ndata: {json.dumps(untyped)}\n\n".encode()
    reply = fold(NAME, read_stream(FORMAT, data + sse(completed())))
    assert [p.text for p in reply.choice.parts if isinstance(p, Text)] == ["hi there"]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_read_however_much_is_left_out(name):
    events = read_stream(FORMAT, sse(*CALLS[name]))
    reply = fold(NAME, events)
    [call] = reply.choice.parts
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c1", "f", '{"a": 1}')
    assert "".join(e.text for e in events if isinstance(e, ArgumentsDelta)) in ('{"a": 1}', "")
    assert reply.choice.stop is not None and reply.choice.stop.reason == "tool_calls"


def test_a_call_that_was_announced_whole_keeps_its_arguments():
    events = read_stream(FORMAT, sse(added(FUNCTION_CALL), completed()))
    [call] = fold(NAME, events).choice.parts
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c1", "f", '{"a": 1}')


def test_calls_whose_items_all_have_index_zero_are_told_apart():
    other = {**FUNCTION_CALL, "id": "fc_2", "call_id": "c2"}
    events = [
        added(CALL_STARTED),
        arguments('{"a": 1}'),
        done(FUNCTION_CALL),
        added({**other, "arguments": ""}),
        arguments('{"a": 1}', item="fc_2"),
        done(other),
        completed(FUNCTION_CALL, other),
    ]
    calls = fold(NAME, read_stream(FORMAT, sse(*events))).choice.parts
    assert [(c.id, c.arguments) for c in calls if isinstance(c, ToolCall)] == [
        ("c1", '{"a": 1}'),
        ("c2", '{"a": 1}'),
    ]


def test_calls_that_overlap_are_told_apart():
    other = {**FUNCTION_CALL, "id": "fc_2", "call_id": "c2", "arguments": '{"b": 2}'}
    events = [
        added(CALL_STARTED),
        added({**other, "arguments": ""}, 1),
        arguments('{"b"', 1, "fc_2"),
        arguments('{"a": 1}'),
        arguments(": 2}", 1, "fc_2"),
        done(other, 1),
        done(FUNCTION_CALL),
        completed(FUNCTION_CALL, other),
    ]
    events = read_stream(FORMAT, sse(*events))
    calls = fold(NAME, events).choice.parts
    assert [c.arguments for c in calls if isinstance(c, ToolCall)] == ['{"a": 1}', '{"b": 2}']
    items = told(write_stream(FORMAT, events))[-1]["response"]["output"]
    assert [item["arguments"] for item in items] == ['{"a": 1}', '{"b": 2}']


def test_a_custom_call_streams_its_input():
    started = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "c", "name": "x", "input": ""}
    events = [
        added(started),
        event("custom_tool_call_input.delta", output_index=0, item_id="ctc_1", delta="go"),
        event("custom_tool_call_input.done", output_index=0, item_id="ctc_1", input="go on"),
        completed({**started, "input": "go on"}),
    ]
    [call] = fold(NAME, read_stream(FORMAT, sse(*events))).choice.parts
    assert isinstance(call, ToolCall)
    assert (call.kind, call.arguments) == ("custom", "go on")


def test_a_summary_is_one_thinking_with_its_entries_as_paragraphs():
    two = {**REASONING, "summary": [{"type": "summary_text", "text": t} for t in ("one", "two")]}
    events = read_stream(
        FORMAT,
        sse(
            added({**REASONING, "summary": []}),
            thought("on"),
            thought("e"),
            thought("two", 1),
            done(two),
            completed(two),
        ),
    )
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "one\n\ntwo"
    assert [e.signature for e in events if isinstance(e, SignatureDelta)] == ["gAAA"]
    [part] = fold(NAME, events).choice.parts
    assert isinstance(part, Thinking)
    assert (part.text, part.signature, part.id) == ("one\n\ntwo", "gAAA", "rs_1")


def test_thinking_that_is_told_twice_is_read_once():
    whole = event("reasoning_text.delta", output_index=0, content_index=0, delta="at length")
    stream = sse(added({**REASONING, "summary": []}), thought("hm"), whole, completed())
    [part] = fold(NAME, read_stream(FORMAT, stream)).choice.parts
    assert isinstance(part, Thinking) and part.text == "hm"


def test_reasoning_that_ends_after_the_message_keeps_its_words():
    words = {"type": "reasoning_text", "text": "at length"}
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [words]}
    more = event(
        "reasoning_text.delta", output_index=0, item_id="rs_1", content_index=0, delta="at "
    )
    events = [
        added({**item, "content": []}),
        more,
        added(OPEN_MESSAGE, 1),
        delta("hi there", 1),
        done(HI, 1),
        {**more, "delta": "length"},
        done(item),
        completed(item, HI),
    ]
    parts = fold(NAME, read_stream(FORMAT, sse(*events))).choice.parts
    assert [(type(p), p.text) for p in parts if isinstance(p, Text | Thinking)] == [
        (Thinking, "at length"),
        (Text, "hi there"),
    ]


def test_hidden_reasoning_is_no_output():
    events = read_stream(
        FORMAT, sse(CREATED, done({**REASONING, "summary": [], "encrypted_content": None}))
    )
    assert not any(map(is_output, events))
    assert isinstance(fold(NAME, events).choice.parts[0], Opaque)


def test_hosted_tools_come_whole():
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
    events = [
        added({**search, "status": "in_progress"}),
        event("web_search_call.searching", output_index=0, item_id="ws_1"),
        done(search),
        completed(search, HI),
    ]
    parts = fold(NAME, read_stream(FORMAT, sse(*events))).choice.parts
    assert parts[0] == Opaque(format=NAME, kind="web_search_call", raw=search)
    assert isinstance(parts[1], Text)


def test_citations_are_read_once():
    cited = message(text("hi there", annotations=[SITE]))
    note = event("output_text.annotation.added", output_index=0, content_index=0, annotation=SITE)
    events = read_stream(
        FORMAT, sse(added(OPEN_MESSAGE), delta("hi there"), note, done(cited), completed(cited))
    )
    assert sum(isinstance(e, CitationDelta) for e in events) == 1
    [part] = fold(NAME, events).choice.parts
    assert isinstance(part, Text) and [c.url for c in part.citations] == ["https://a.example"]


def test_an_incomplete_answer_says_why():
    details = {"reason": "max_output_tokens"}
    end = event(
        "incomplete", response=response(HI, status="incomplete", incomplete_details=details)
    )
    reply = fold(NAME, read_stream(FORMAT, sse(delta("hi there"), end)))
    assert reply.choice.stop is not None and reply.choice.stop.reason == "length"


FAILURES = [
    event(
        "failed", response=response(status="failed", error={"code": "server_error", "message": "x"})
    ),
    {"type": "error", "code": "server_error", "message": "x", "param": None},
    {"type": "error", "error": {"type": "server_error", "code": "server_error", "message": "x"}},
    {"error": {"code": "server_error", "message": "x"}},
    event(
        "completed",
        response=response(status="failed", error={"code": "server_error", "message": "x"}),
    ),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_ends_the_stream(failure):
    events = read_stream(FORMAT, sse(CREATED, delta("hi"), failure, delta("more"), completed(HI)))
    assert isinstance(events[-1], Failure)
    assert (events[-1].error.message, events[-1].error.kind) == ("x", "server")
    assert not any(isinstance(e, Finish | End) for e in events)
    assert sum(isinstance(e, TextDelta) for e in events) == 1


def test_a_stream_without_terminal_event_was_cut_off():
    events = read_stream(FORMAT, sse(*FULL_TEXT[:-1]))
    assert not any(isinstance(e, Finish | End | Failure) for e in events)
    assert fold(NAME, events).choice.parts


@pytest.mark.parametrize(
    "error",
    [
        b"event: error\ndata: timed out\n\n",
        b"data: timed out\n\ndata: [DONE]\n\n",
        b'{"error": {"message": "timed out"}}\n\ndata: [DONE]\n\n',
    ],
)
def test_an_error_in_words_is_no_end(error):
    events = read_stream(FORMAT, sse(CREATED, added(OPEN_MESSAGE), delta("hi ")) + error)
    assert [e.error.message for e in events if isinstance(e, Failure)] == ["timed out"]
    assert not any(isinstance(event, End) for event in events)


def test_open_parts_end_with_the_stream():
    events = read_stream(FORMAT, sse(CREATED, delta("hi")))
    assert isinstance(events[-1], PartEnd)


def test_done_is_an_end_where_something_was_said():
    events = read_stream(FORMAT, sse(CREATED, delta("hi")) + b"data: [DONE]\n\n")
    assert [type(e) for e in events[-2:]] == [Finish, End]
    assert not any(
        isinstance(e, End) for e in read_stream(FORMAT, sse(CREATED) + b"data: [DONE]\n\n")
    )


@pytest.mark.parametrize(
    "odd",
    [
        b"data: {not json\n\n",
        b"data: [1]\n\n",
        b"data: null\n\n",
        sse({"type": 7}),
        sse(event("output_item.added", item=None)),
        sse(event("output_item.done", item="x")),
        sse(event("output_text.delta", delta=None)),
        sse(event("never_heard_of", delta="x")),
        sse(event("function_call_arguments.delta", delta="x", output_index=9)),
        sse(event("output_text.annotation.added", annotation=None)),
        sse(event("created", response=None)),
    ],
)
def test_what_makes_no_sense_is_passed_over(odd):
    data = sse(*FULL_TEXT)
    at = data.index(b"event: response.output_text.delta")
    assert read_stream(FORMAT, data[:at] + odd + data[at:]) == read_stream(FORMAT, data)
