"""Recorded traffic of the Responses API, written for the official SDK.

The laws between formats are in `test_laws`; here is what only this format has to hold.
"""

import pytest

from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.formats.openai_responses import OpenAIResponses
from switchyard.wire.formats.openai_responses.numbering import Numbering
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from tests.unit.wire.corpus import FOLDER
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import requests
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import frames
from tests.unit.wire.laws import read_stream
from tests.unit.wire.laws import reply_identity
from tests.unit.wire.laws import request_identity
from tests.unit.wire.laws import write_stream
from tests.unit.wire.openai_responses_sdk import accumulated
from tests.unit.wire.openai_responses_sdk import assert_response
from tests.unit.wire.openai_responses_sdk import told

FORMAT = OpenAIResponses()

pytestmark = needs_corpus


def ids(record: Record) -> str:
    return f"{record.format}-{record.id}"


def answers(read):
    return [r for name in FORMATS for r in read(name)]


@pytest.mark.parametrize("record", requests(FORMAT.name), ids=ids)
def test_a_request_loses_nothing(record):
    request_identity(FORMAT, record.request)


@pytest.mark.parametrize("record", replies(FORMAT.name), ids=ids)
def test_an_answer_loses_nothing(record):
    reply_identity(FORMAT, record.response)
    assert FORMAT.write_reply(FORMAT.read_reply(record.response), ASKED) == record.response


@pytest.mark.parametrize("record", answers(replies), ids=ids)
def test_the_sdk_takes_every_answer(record):
    format = FORMATS[record.format]
    try:
        reply = format.read_reply(record.response)
    except BadReply:
        pytest.skip("no answer of its format")
    written = FORMAT.write_reply(reply, ASKED)
    if format.name != FORMAT.name:
        assert_response(written)
    last = told(write_stream(FORMAT, unfold(reply)))[-1]
    assert last["response"] == written


@pytest.mark.parametrize("record", answers(streams), ids=ids)
def test_the_sdk_takes_every_stream(record):
    format = FORMATS[record.format]
    events = read_stream(format, record.sse.encode())
    data = write_stream(FORMAT, events)
    accumulated(data, strict=format.name != FORMAT.name)
    last = told(data)[-1]
    if any(isinstance(event, Failure) for event in events):
        assert last["type"] == "response.failed"
    elif last["type"] != "response.failed":
        assert last["response"] == FORMAT.write_reply(fold(format.name, events), ASKED)


def test_the_records_are_there():
    assert replies(FORMAT.name), f"{FOLDER} holds no records of {FORMAT.name}"


@pytest.mark.parametrize("record", streams(FORMAT.name), ids=ids)
def test_numbers_that_grow_stay(record):
    told_ = [frame for frame in frames(FORMAT, record.sse.encode()) if loads_object(frame.data)]
    given = [loads_object(frame.data) or {} for frame in told_]
    begun = [e["output_index"] for e in given if e["type"] == "response.output_item.added"]
    counted = [e.get("sequence_number", -1) for e in given]
    if counted != sorted(set(counted)) or begun != sorted(set(begun)):
        pytest.skip("the recorded numbers are missing or repeated")
    numbering = Numbering()
    for frame in told_:
        assert numbering.mend(frame.event or b"", frame.data) == {}
