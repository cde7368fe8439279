"""Streams of the Responses API: read from whatever a provider sends, written in full order."""

import json

import pytest

from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.formats.openai_responses.stream_writer import ResponsesStreamWriter
from switchyard.wire.model.conversation import Citation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.events import UsageUpdate
from switchyard.wire.model.events import is_output
from switchyard.wire.model.fold import fold
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire.formats.openai_responses.test_reply import FUNCTION_CALL
from tests.unit.wire.formats.openai_responses.test_reply import SITE
from tests.unit.wire.formats.openai_responses.test_reply import asked_for
from tests.unit.wire.formats.openai_responses.test_reply import message
from tests.unit.wire.formats.openai_responses.test_reply import response
from tests.unit.wire.formats.openai_responses.test_reply import text
from tests.unit.wire.formats.openai_responses.test_request import CODE_MODE
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import mend_stream
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import write_stream
from tests.unit.wire.openai_responses_sdk import accumulated
from tests.unit.wire.openai_responses_sdk import told

FORMAT = OpenAIResponses()
NAME = FORMAT.name

REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "gAAA",
}


def sse(*events, named=True):
    lines = (
        (f"event: {e['type']}\n" if named and "type" in e else "") + f"data: {json.dumps(e)}\n\n"
        for e in events
    )
    return "".join(lines).encode()


def event(kind, **members):
    return {"type": f"response.{kind}", **members}


CREATED = event("created", response=response(status="in_progress", usage=None))


def completed(*items, **members):
    return event("completed", response=response(*items, **members))


def added(item, index=0):
    return event("output_item.added", output_index=index, item=item)


def done(item, index=0):
    return event("output_item.done", output_index=index, item=item)


def delta(words, index=0, item="msg_1", part=0):
    at = {"item_id": item, "output_index": index, "content_index": part}
    return event("output_text.delta", delta=words, **at)


def arguments(words, index=0, item="fc_1"):
    at = {"item_id": item, "output_index": index}
    return event("function_call_arguments.delta", delta=words, **at)


def thought(words, entry=0, index=0):
    at = {"item_id": "rs_1", "output_index": index, "summary_index": entry}
    return event("reasoning_summary_text.delta", delta=words, **at)


OPEN_MESSAGE = message(status="in_progress")
HI = message(text("hi there"))
FULL_TEXT = [
    CREATED,
    event("in_progress", response=response()),
    added(OPEN_MESSAGE),
    event("content_part.added", output_index=0, content_index=0, item_id="msg_1", part=text("")),
    delta("hi "),
    delta("there"),
    event("output_text.done", output_index=0, content_index=0, item_id="msg_1", text="hi there"),
    event("content_part.done", output_index=0, content_index=0, part=text("hi there")),
    done(HI),
    completed(HI),
]
CALL_STARTED = {**FUNCTION_CALL, "arguments": "", "status": "in_progress"}

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


CALLS = {
    "everything": [
        CREATED,
        added(CALL_STARTED),
        arguments('{"a"'),
        arguments(": 1}"),
        event("function_call_arguments.done", output_index=0, arguments='{"a": 1}'),
        done(FUNCTION_CALL),
        completed(FUNCTION_CALL),
    ],
    "only finished items": [done(FUNCTION_CALL), completed()],
    "only the last response": [completed(FUNCTION_CALL)],
    "no finished item": [added(CALL_STARTED), arguments('{"a": 1}'), completed()],
    "arguments already there at the start": [
        added(FUNCTION_CALL),
        done(FUNCTION_CALL),
        completed(),
    ],
    "the name comes with the arguments": [
        added({**CALL_STARTED, "name": ""}),
        arguments('{"a": 1}'),
        event("function_call_arguments.done", output_index=0, arguments='{"a": 1}', name="f"),
        completed(FUNCTION_CALL),
    ],
    "the call id comes at the end": [
        added({k: v for k, v in CALL_STARTED.items() if k != "call_id"}),
        arguments('{"a": 1}'),
        done(FUNCTION_CALL),
        completed(FUNCTION_CALL),
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_read_however_much_is_left_out(name):
    events = read_stream(FORMAT, sse(*CALLS[name]))
    reply = fold(NAME, events)
    [call] = reply.choice.parts
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c1", "f", '{"a": 1}')
    assert "".join(e.text for e in events if isinstance(e, ArgumentsDelta)) in ('{"a": 1}', "")
    assert reply.choice.stop is not None and reply.choice.stop.reason == "tool_calls"


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


def written(*events, asked=ASKED):
    data = write_stream(FORMAT, list(events), asked)
    return told(data), data


START = Start("resp_1", "m", 5)


def test_every_step_of_a_text_is_told():
    site = Citation(url="https://a.example", title="A", start=0, end=2, format="gemini", raw={})
    events, data = written(
        START,
        PartStart(0, Text(text="")),
        TextDelta(0, "hi"),
        TextDelta(0, " you"),
        CitationDelta(0, site),
        PartEnd(0),
        UsageUpdate(Usage(input=3, output=2)),
        Finish(Stop(reason="end")),
        End(),
    )
    assert [e["type"].removeprefix("response.") for e in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []
    assert events[6]["annotation"] == SITE
    assert events[7]["text"] == "hi you"
    assert events[9]["item"] == events[10]["response"]["output"][0]
    assert events[10]["response"]["usage"]["total_tokens"] == 5
    ids = {e["item_id"] for e in events if "item_id" in e}
    assert ids == {events[2]["item"]["id"]} == {events[9]["item"]["id"]}
    assert accumulated(data).output_text == "hi you"


def test_every_step_of_thinking_and_calls_is_told():
    events, data = written(
        START,
        PartStart(0, Thinking()),
        TextDelta(0, "hm"),
        SignatureDelta(0, "si", "anthropic"),
        SignatureDelta(0, "g", "anthropic"),
        PartEnd(0),
        PartStart(1, Text(text="")),
        TextDelta(1, "a"),
        PartEnd(1),
        PartStart(2, Text(text="")),
        TextDelta(2, "b"),
        PartEnd(2),
        PartStart(3, ToolCall(id="c1", name="f")),
        ArgumentsDelta(3, '{"a":'),
        ArgumentsDelta(3, "1}"),
        PartEnd(3),
        Finish(Stop(reason="tool_calls")),
        End(),
    )
    assert [
        (e["type"].removeprefix("response."), e.get("output_index"), e.get("content_index"))
        for e in events[2:-1]
    ] == [
        ("output_item.added", 0, None),
        ("reasoning_summary_part.added", 0, None),
        ("reasoning_summary_text.delta", 0, None),
        ("reasoning_summary_text.done", 0, None),
        ("reasoning_summary_part.done", 0, None),
        ("output_item.done", 0, None),
        ("output_item.added", 1, None),
        ("content_part.added", 1, 0),
        ("output_text.delta", 1, 0),
        ("output_text.done", 1, 0),
        ("content_part.done", 1, 0),
        ("content_part.added", 1, 1),
        ("output_text.delta", 1, 1),
        ("output_text.done", 1, 1),
        ("content_part.done", 1, 1),
        ("output_item.done", 1, None),
        ("output_item.added", 2, None),
        ("function_call_arguments.delta", 2, None),
        ("function_call_arguments.delta", 2, None),
        ("function_call_arguments.done", 2, None),
        ("output_item.done", 2, None),
    ]
    proof = unseal(events[7]["item"]["encrypted_content"])
    assert proof == Thinking(
        text="hm", signature="sig", signer="anthropic", id=events[7]["item"]["id"]
    )
    assert [i.type for i in accumulated(data).output] == ["reasoning", "message", "function_call"]


def test_own_encrypted_reasoning_goes_out_as_it_is():
    part = Thinking(redacted="gAAA", signer=NAME, id="rs_7")
    events, _ = written(START, PartStart(0, part), PartEnd(0), Finish(Stop(reason="end")), End())
    item = events[-1]["response"]["output"][0]
    assert (item["id"], item["encrypted_content"]) == ("rs_7", "gAAA")


def test_parts_that_stay_empty_are_not_told():
    events, _ = written(
        START,
        PartStart(0, Text(text="")),
        PartEnd(0),
        PartStart(1, Thinking()),
        PartEnd(1),
        Finish(Stop(reason="end")),
        End(),
    )
    assert [e["type"] for e in events] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]


def test_a_proof_that_comes_after_its_call_follows_it():
    events, data = written(
        START,
        PartStart(0, ToolCall(id="c1", name="f")),
        ArgumentsDelta(0, "{}"),
        SignatureDelta(0, "sig", "gemini"),
        PartEnd(0),
        Finish(Stop(reason="tool_calls")),
        End(),
    )
    call, proof = events[-1]["response"]["output"]
    assert (call["type"], proof["type"]) == ("function_call", "reasoning")
    request = {"model": "m", "input": [call, proof]}
    [read] = FORMAT.read_request(request).turns[0].parts
    assert isinstance(read, ToolCall) and read.signature == "sig"
    accumulated(data)


def test_a_function_that_stands_for_a_custom_tool_streams_as_its_input():
    events, data = written(
        START,
        PartStart(0, ToolCall(id="c1", name="exec")),
        ArgumentsDelta(0, '{"input": "con'),
        ArgumentsDelta(0, 'st x;\\n"}'),
        PartEnd(0),
        Finish(Stop(reason="tool_calls")),
        End(),
        asked=asked_for(CODE_MODE),
    )
    deltas = [e["delta"] for e in events if e["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["con", "st x;\n"]
    [item] = events[-1]["response"]["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", "const x;\n")
    assert (item["name"], item["namespace"]) == ("exec", "functions")
    accumulated(data)


def test_a_limit_reached_is_told_as_incomplete():
    events, _ = written(
        START, PartStart(0, Text(text="hi")), PartEnd(0), Finish(Stop(reason="length")), End()
    )
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-2]["item"]["status"] == "incomplete"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ApiError(message="x"), "server_error"),
        (ApiError(message="x", kind="overloaded"), "server_error"),
        (ApiError(message="x", kind="rate_limit"), "rate_limit_exceeded"),
        (ApiError(message="x", kind="invalid_request"), "invalid_prompt"),
        (
            ApiError(message="x", kind="invalid_request", code="context_length_exceeded"),
            "context_length_exceeded",
        ),
        (ApiError(message="x", code="odd", format="anthropic"), "server_error"),
        (ApiError(message="x", code="odd", format=NAME), "odd"),
    ],
)
def test_a_failure_is_told_and_nothing_after_it(error, code):
    events, _ = written(
        START, PartStart(0, Text(text="hi")), Failure(error), TextDelta(0, "more"), End()
    )
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["status"] == "failed"
    assert events[-1]["response"]["error"] == {"code": code, "message": "x"}


def test_a_failure_before_anything_else_is_a_whole_stream():
    events, data = written(Failure(ApiError(message="x")))
    assert [e["type"] for e in events] == [
        "response.created",
        "response.in_progress",
        "response.failed",
    ]
    accumulated(data, strict=False)


def test_a_writer_that_is_closed_early_tells_a_failure():
    events, _ = written(START, PartStart(0, Text(text="hi")))
    assert events[-1]["type"] == "response.failed"


def test_a_writer_that_knows_why_the_answer_ended_completes_it():
    events, _ = written(
        START, PartStart(0, Text(text="hi")), PartEnd(0), Finish(Stop(reason="end"))
    )
    assert events[-1]["type"] == "response.completed"


def test_closing_twice_adds_nothing():
    writer = FORMAT.stream_writer(ASKED)
    writer.feed(START)
    assert writer.close()
    assert writer.close() == b""
    assert writer.feed(End()) == b""
    reader = FORMAT.stream_reader()
    reader.close()
    assert reader.close() == []


def test_the_whole_response_can_be_kept_by_who_writes_it():
    writer = FORMAT.stream_writer(ASKED)
    for e in (START, PartStart(0, Text(text="hi")), PartEnd(0), Finish(Stop(reason="end")), End()):
        writer.feed(e)
    assert isinstance(writer, ResponsesStreamWriter)
    assert writer.response["output"][0]["content"][0]["text"] == "hi"


def test_a_right_stream_keeps_its_bytes():
    data = sse(*FULL_TEXT)
    assert mend_stream(FORMAT, data) == data


def test_missing_event_names_are_supplied():
    assert mend_stream(FORMAT, sse(*FULL_TEXT, named=False)) == sse(*FULL_TEXT)


def test_done_comments_and_what_follows_the_end_are_dropped():
    data = sse(*FULL_TEXT)
    messy = b": hello\n\n" + data + b"data: [DONE]\n\n" + sse(delta("more"))
    assert mend_stream(FORMAT, messy) == data


def test_events_that_are_no_json_are_dropped():
    data = sse(*FULL_TEXT)
    assert mend_stream(FORMAT, b"event: x\ndata: {oops\n\n" + data) == data


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", sse(event("done", response=response(HI)))])
def test_a_terminal_event_is_supplied_where_the_end_is_sure(end):
    data = sse(*FULL_TEXT[:-1])
    mended = mend_stream(FORMAT, data + end)
    assert mended.startswith(data)
    last = json.loads(mended.split(b"data: ")[-1])
    assert last["type"] == "response.completed"
    assert last["response"]["output"] == [HI]
    assert last["response"]["id"] == "resp_1"
    assert mended.count(b"event: response.completed") == 1


def test_no_terminal_event_is_supplied_where_the_stream_was_cut_off():
    data = sse(*FULL_TEXT[:-1])
    assert mend_stream(FORMAT, data) == data


def test_a_mended_stream_can_be_failed_once():
    reader, mender = FORMAT.stream_reader(), FORMAT.mender(ASKED)
    numbered = {**CREATED, "sequence_number": 4}
    [frame] = frames(FORMAT, sse(numbered))
    mender.feed(frame, reader.feed(frame))
    told_ = mender.fail(ApiError(message="gone"))
    failed = json.loads(told_.partition(b"data: ")[2])
    assert (failed["type"], failed["sequence_number"]) == ("response.failed", 5)
    assert failed["response"]["id"] == "resp_1"
    assert failed["response"]["error"]["message"] == "gone"
    assert mender.fail(ApiError(message="again")) == b""
