"""What a refusal is whose body does not say so itself."""

import json
from typing import Any

import pytest

from switchyard.wire.format import Asked
from switchyard.wire.model.errors import KIND_OF_STATUS
from switchyard.wire.outcome import refusal_of
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay

UNTYPED: list[Any] = [
    {"message": "Input is too long for requested model."},  # Bedrock
    {"error": {"message": "bad value", "code": None}},  # Azure
    {"error": {"message": "bad value", "type": "", "code": ""}},
    {"error": {"message": "bad value", "type": None}},
    {"error": "bad value"},
    {"detail": "bad value"},
    {"Message": "bad value"},
]


@pytest.mark.parametrize("body", UNTYPED)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
def test_the_status_says_what_the_body_does_not(name: str, body: Any, status: int) -> None:
    error = refusal_of(FORMATS[name], status, json.dumps(body).encode())
    assert error.kind == KIND_OF_STATUS[status]
    for client in FORMATS.values():
        told, _ = client.write_error(error)
        assert told == status


@pytest.mark.parametrize("name", FORMATS)
def test_a_body_that_says_more_is_believed(name: str) -> None:
    body = {"error": {"message": "x", "code": "503", "status_code": 503}}
    assert refusal_of(FORMATS[name], 400, json.dumps(body).encode()).status == 503
    assert refusal_of(FORMATS[name], 500, b'{"message":"x"}').kind == "server"
    assert refusal_of(FORMATS[name], 404, b"no JSON").kind == "not_found"


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_without_any_choice_is_empty_whatever_it_counts(streams: bool) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    body = {"id": "c1", "object": "chat.completion", "model": "m", "choices": [], "usage": usage}
    asked = Asked(model="m", id="0123456789abcdef", created=1)
    relay = Relay(FORMATS["openai-chat"], FORMATS["anthropic"], streams, asked)
    relay.start(200, "application/json")
    assert relay.feed(json.dumps(body).encode()) + relay.end() == b""
    assert relay.failed and relay.problem is not None and relay.problem.kind == "empty"
