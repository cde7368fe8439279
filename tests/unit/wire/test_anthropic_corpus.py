"""The laws of the format on recorded traffic."""

from datetime import datetime
from typing import Any

import pytest
from anthropic.types.beta import BetaMessage
from pydantic import ValidationError

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Failure
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from tests.unit.wire import anthropic_sdk as sdk
from tests.unit.wire import corpus
from tests.unit.wire import laws
from tests.unit.wire.corpus import Record
from tests.unit.wire.formats.anthropic.test_mender import mend
from tests.unit.wire.meaning import reply_meaning

FORMAT = Anthropic()

SPLICED = {"e6c1891366d6"}
"""A second message begins in the middle of the first: an error, see the stream reader."""

SEVERAL = {"5397be1e2e65", "64ca83ce4940", "85fd57acc27b", "8ca4fd119f16", "d4a29f28cc4e"}
"""Several complete streams recorded as one: the first counts, the SDK mixes them up."""

REPEATED = {"28845b5b8e06"}
"""Begins twice with the same `message_start`."""

pytestmark = corpus.needs_corpus


def ids(record: Record) -> str:
    return record.id


requests = pytest.mark.parametrize("record", corpus.requests("anthropic"), ids=ids)
replies = pytest.mark.parametrize("record", corpus.replies("anthropic"), ids=ids)
streams = pytest.mark.parametrize(
    "record", [r for r in corpus.streams("anthropic") if r.id not in SPLICED], ids=ids
)


def data_of(record: Record) -> bytes:
    return (record.sse or "").encode()


@requests
def test_request_identity(record: Record):
    laws.request_identity(FORMAT, record.request or {})


@replies
def test_reply_identity(record: Record):
    laws.reply_identity(FORMAT, record.response)


@replies
def test_a_reply_unfolds_into_a_stream(record: Record):
    reply = FORMAT.read_reply(record.response)
    laws.fold_unfold(FORMAT, reply)
    laws.reply_there(FORMAT, FORMAT, reply)
    laws.reply_streamed(FORMAT, FORMAT, reply)


@replies
def test_no_error_is_found_in_an_answer(record: Record):
    assert FORMAT.find_error(record.response) is None


@streams
def test_a_stream_ends_once_and_well(record: Record):
    events = laws.read_stream(FORMAT, data_of(record))
    assert sum(isinstance(event, End) for event in events) == 1
    assert not any(isinstance(event, Failure) for event in events)


@streams
def test_a_stream_survives_writing(record: Record):
    laws.stream_survives_writing(FORMAT, laws.read_stream(FORMAT, data_of(record)))


@streams
def test_any_split(record: Record):
    laws.any_split(FORMAT, data_of(record))


@streams
def test_mending_keeps_the_meaning_and_the_bytes(record: Record):
    data = data_of(record)
    out = mend(data)
    before = fold(FORMAT.name, laws.read_stream(FORMAT, data))
    assert reply_meaning(fold(FORMAT.name, laws.read_stream(FORMAT, out))) == reply_meaning(before)
    if record.id not in SEVERAL | REPEATED:
        assert out == data
    assert mend(out) == out


@streams
def test_stream_is_whole(record: Record):
    """What our fold makes of a stream is what the SDK's accumulator makes of it; and the SDK makes
    the same of what we write for it."""
    data = data_of(record)
    events = laws.read_stream(FORMAT, data)
    reply = fold(FORMAT.name, events)
    ours = _comparable(FORMAT.write_reply(reply, laws.ASKED))
    if record.id not in SEVERAL:
        assert _comparable(sdk.streamed(data).to_dict()) == ours
    for written in (laws.write_stream(FORMAT, events), laws.write_stream(FORMAT, unfold(reply))):
        assert _comparable(sdk.streamed(written).to_dict()) == ours


@streams
def test_the_sdk_accepts_what_is_written(record: Record):
    data = data_of(record)
    written = sdk.streamed(laws.write_stream(FORMAT, laws.read_stream(FORMAT, data)))
    if not _is_valid(sdk.streamed(data)):
        pytest.skip("recorded in a shape the SDK's types refuse")
    assert _is_valid(written)


@replies
def test_the_sdk_accepts_written_replies(record: Record):
    if not _is_valid(sdk.whole(record.response)):
        pytest.skip("recorded in a shape the SDK's types refuse")
    reply = FORMAT.read_reply(record.response)
    assert _is_valid(sdk.whole(FORMAT.write_reply(reply, laws.ASKED)))
    assert _is_valid(sdk.streamed(laws.write_stream(FORMAT, unfold(reply))))


@pytest.mark.parametrize(
    "record", [r for r in corpus.records("anthropic") if r.status >= 400], ids=ids
)
def test_an_error_keeps_its_body(record: Record):
    error = FORMAT.find_error(record.response)
    assert error is not None
    assert FORMAT.write_error(error)[1] == record.response


def test_a_spliced_stream_is_a_failure():
    for record in corpus.streams("anthropic"):
        if record.id in SPLICED:
            assert isinstance(laws.read_stream(FORMAT, data_of(record))[-1], Failure)


def _is_valid(message: BetaMessage) -> bool:
    try:
        sdk.checked(message)
    except ValidationError:
        return False
    return True


def _comparable(message: dict[str, Any]) -> dict[str, Any]:
    """A message as far as a stream can tell it: an empty one holds an empty text, and the model
    that took over in the middle is named by its block."""
    said = _plain(message)
    if said["content"] == [{"type": "text", "text": ""}]:
        said["content"] = []
    if any(block["type"] == "fallback" for block in said["content"]):
        del said["model"]
    return said


def _plain(value: Any) -> Any:
    """Without nulls, times as text."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value
