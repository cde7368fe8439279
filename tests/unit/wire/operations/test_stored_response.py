"""Responses that a provider keeps: passed on as they are, their usage told apart."""

import json

import pytest

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.operations.service import ServiceBody
from switchyard.wire.operations.stored_response import StoredResponse
from switchyard.wire.operations.stored_response import StoredResponseRelay
from switchyard.wire.registry import FORMATS

RESPONSES = FORMATS["openai-responses"]
USAGE = {"input_tokens": 100, "output_tokens": 30, "total_tokens": 130}


def asked(path: str = "/responses/resp_1", query: str = "") -> StoredResponse:
    body = ServiceBody(b"", "", EMPTY)
    return StoredResponse(FORMATS["openai-chat"], path, query, "GET", body)


def relay(streams: bool) -> StoredResponseRelay:
    made = StoredResponseRelay(asked(), RESPONSES)
    made.streams = streams
    made.start(200, "text/event-stream" if streams else "application/json")
    return made


def test_who_can_be_asked() -> None:
    call = asked("/responses/resp_1/input_items", "limit=2")
    assert call.id == "resp_1"
    assert call.formats == {"openai-responses"}
    assert call.path("openai-responses", "") == "/responses/resp_1/input_items?limit=2"


@pytest.mark.parametrize("usage", [None, USAGE])
def test_a_document(usage: dict[str, int] | None) -> None:
    one, body = relay(False), json.dumps({"id": "resp_1", "usage": usage}).encode()
    one.feed(body)
    one.end()
    assert one.body == body
    assert one.usage is None
    assert (one.told.input if one.told else None) == (100 if usage else None)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream(size: int) -> None:
    one = relay(True)
    begun = {"type": "response.created", "response": {"id": "resp_1", "usage": None}}
    ended = {"type": "response.completed", "response": {"id": "resp_1", "usage": USAGE}}
    raw = b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in (begun, ended))
    out = b"".join(one.feed(raw[i : i + size]) for i in range(0, len(raw), size)) + one.end()
    assert out == raw
    assert one.told is not None and one.told.output == 30
    assert one.usage is None
