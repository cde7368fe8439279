"""AWS' event stream becomes server-sent events."""

import base64
import json

import pytest

from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.encoding.event_stream import CorruptEventStream
from switchyard.wire.encoding.sse import SseDecoder
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.event_messages import MessagesAsEvents
from switchyard.wire.relay.relay import Relay
from tests.support.event_stream import as_event_stream
from tests.support.event_stream import chunk
from tests.support.event_stream import exception
from tests.support.event_stream import message
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED
from tests.unit.wire.laws import read_stream


def events(data: bytes) -> list[tuple[bytes | None, object]]:
    frames = SseDecoder().feed(MessagesAsEvents()(data))
    return [(frame.event, json.loads(frame.data)) for frame in frames]


def test_chunks_hold_the_models_own_events() -> None:
    begin = {"type": "message_start", "message": {"id": "m"}}
    end = {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}}
    assert events(chunk(begin) + chunk(end)) == [
        (b"message_start", begin), (b"message_stop", {"type": "message_stop"}),
    ]  # fmt: skip


def test_other_events_are_taken_as_they_are() -> None:
    data = message({":event-type": "contentBlockDelta", ":message-type": "event"}, b'{"a": 1}')
    assert events(data) == [(b"contentBlockDelta", {"a": 1})]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("throttlingException", "rate_limit_error"),
        ("validationException", "invalid_request_error"),
        ("modelStreamErrorException", "api_error"),
    ],
)
def test_exceptions_are_errors_of_the_stream(name: str, kind: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "too much"}}
    assert events(exception(name, "too much")) == [(b"error", error)]


def test_errors_of_the_transport() -> None:
    headers = {":message-type": "error", ":error-code": "InternalError", ":error-message": "gone"}
    ((_name, body),) = events(message(headers, b""))
    assert body == {"type": "error", "error": {"type": "api_error", "message": "gone"}}


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b'{"bytes": "%%%"}',
        json.dumps({"bytes": base64.b64encode(b"[1]").decode()}).encode(),
    ],
)  # fmt: skip
def test_payloads_that_are_no_event(payload: bytes) -> None:
    with pytest.raises(CorruptEventStream):
        MessagesAsEvents()(message({":event-type": "chunk"}, payload))


def test_a_cut_is_known() -> None:
    reading = MessagesAsEvents()
    data = chunk({"type": "ping"})
    assert reading(data[:-1]) == b""
    assert reading.is_cut
    assert reading(data[-1:])
    assert not reading.is_cut


@needs_corpus
@pytest.mark.parametrize("record", [pytest.param(one, id=one.id) for one in streams("anthropic")])
@pytest.mark.parametrize("client", ["anthropic", "openai-chat"])
def test_recorded_answers_read_the_same_from_either_framing(record: Record, client: str) -> None:
    assert record.sse
    sse = record.sse.encode()
    outputs = []
    for data, content_type in ((sse, "text/event-stream"), (as_event_stream(sse), CONTENT_TYPE)):
        relay = Relay(FORMATS["anthropic"], FORMATS[client], True, ASKED)
        relay.start(200, content_type)
        pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        out = b"".join([*map(relay.feed, pieces), relay.end()])
        outputs.append((relay.failed, relay.usage, read_stream(FORMATS[client], out)))
    assert outputs[0] == outputs[1]
