"""Streams of the Responses API are written in full order."""

import pytest

from switchyard.wire.formats.openai_responses.stream_writer import ResponsesStreamWriter
from switchyard.wire.model.conversation import Citation
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
from switchyard.wire.shared.envelope import unseal
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import SITE
from tests.unit.wire.formats.openai_responses.reply_support import asked_for
from tests.unit.wire.formats.openai_responses.request_support import CODE_MODE
from tests.unit.wire.formats.openai_responses.stream_support import NAME
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import write_stream
from tests.unit.wire.openai_responses_sdk import accumulated
from tests.unit.wire.openai_responses_sdk import told


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
