"""What a service's request and response become."""

import json

import pytest

from switchyard.wire.operations.service import ServiceBody
from switchyard.wire.operations.service import ServiceCall
from switchyard.wire.operations.service import ServiceRelay
from switchyard.wire.registry import FORMATS

CHAT = FORMATS["openai-chat"]


def service(
    raw: bytes = b"", kind: str = "application/json", path: str = "/audio/x"
) -> ServiceCall:
    parsed = json.loads(raw) if raw and "json" in kind else {}
    return ServiceCall(CHAT, path, "a=1", "POST", ServiceBody(raw, kind, parsed))


def test_json_keeps_all_but_the_model() -> None:
    one = service(b'{"n": 1e3,  "model":"mine/x" }')
    assert one.body.model == "mine/x"
    assert one.content("theirs") == b'{"n": 1e3,  "model":"theirs" }'
    assert one.content("") == one.body.raw
    assert one.path("openai-chat", "m") == "/audio/x?a=1"


@pytest.mark.parametrize("raw", [b"{}", b'{"model": 3}', b""])
def test_what_names_no_model(raw: bytes) -> None:
    assert service(raw).body.model == ""


def test_providers_of_the_same_api_are_asked() -> None:
    assert service().formats == {"openai-chat", "openai-responses", "openai-completions"}
    batches = ServiceCall(
        FORMATS["anthropic"], "/messages/batches/1", "", "GET", ServiceBody(b"", "", {})
    )
    assert (batches.formats, batches.service) == ({"anthropic"}, "messages-batches")


@pytest.mark.parametrize("streams", [False, True])
def test_a_response_is_given_as_it_came(streams: bool) -> None:
    relay = ServiceRelay(service(), CHAT)
    relay.streams = streams
    relay.start(201, "audio/mpeg")
    out = relay.feed(b"\x00\xff") + relay.feed(b"{}")
    assert relay.committed == streams
    out += relay.end()
    assert relay.committed and relay.done and not relay.failed
    assert (out if streams else relay.body) == b"\x00\xff{}"


def test_usage_is_read() -> None:
    relay = ServiceRelay(service(), CHAT)
    relay.start(200, "application/json")
    relay.feed(b'{"usage": {"input_tokens": 7, "output_tokens": 9}}')
    relay.end()
    assert relay.usage is not None and (relay.usage.input, relay.usage.output) == (7, 9)


@pytest.mark.parametrize("streams", [False, True])
def test_a_response_that_breaks_off_failed(streams: bool) -> None:
    relay = ServiceRelay(service(), CHAT)
    relay.streams = streams
    relay.start(200, "audio/mpeg")
    relay.feed(b"half")
    relay.cut("gone")
    assert relay.failed


def test_an_error_is_read() -> None:
    relay = ServiceRelay(service(), CHAT)
    relay.start(404, "application/json")
    relay.feed(b'{"error": {"message": "no such file"}}')
    relay.end()
    assert relay.problem is not None and relay.problem.error.message == "no such file"
