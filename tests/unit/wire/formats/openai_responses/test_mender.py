"""Streams of the Responses API are mended where their meaning is sure."""

import json

import pytest

from switchyard.wire.model.errors import ApiError
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import response
from tests.unit.wire.formats.openai_responses.stream_support import CREATED
from tests.unit.wire.formats.openai_responses.stream_support import FULL_TEXT as UNNUMBERED
from tests.unit.wire.formats.openai_responses.stream_support import HI
from tests.unit.wire.formats.openai_responses.stream_support import delta
from tests.unit.wire.formats.openai_responses.stream_support import event
from tests.unit.wire.formats.openai_responses.stream_support import numbered
from tests.unit.wire.formats.openai_responses.stream_support import sse
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import mend_stream

FULL_TEXT = numbered(*UNNUMBERED)


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


@pytest.mark.parametrize("kind", ["completed", "incomplete"])
def test_an_end_that_leaves_the_output_out_has_what_was_streamed(kind: str):
    """Clients that wait for the end alone read its response (the SDK's `get_final_response`)."""
    last = event(kind, response={**response(), "output": [], "status": kind})
    mended = mend_stream(FORMAT, sse(*FULL_TEXT[:-1], last))
    told = json.loads(mended.split(b"data: ")[-1])
    last["sequence_number"] = len(FULL_TEXT) - 1
    assert told == {**last, "response": {**last["response"], "output": [HI]}}
    assert mended.startswith(sse(*FULL_TEXT[:-1]))


def test_an_end_without_anything_streamed_keeps_its_bytes():
    data = sse(*numbered(CREATED, event("completed", response={**response(), "output": []})))
    assert mend_stream(FORMAT, data) == data


def test_a_call_that_begins_has_no_arguments_yet():
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": ""}
    begun = sse(*numbered(CREATED, event("output_item.added", output_index=0, item=item)))
    assert mend_stream(FORMAT, begun) == begun


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
