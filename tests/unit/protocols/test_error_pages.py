"""What clients of an API get in place of mitmproxy's error pages."""

import json

import pytest
from h2.events import DataReceived
from h2.events import ResponseReceived
from mitmproxy import http
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import ResponseProtocolError

from switchyard.exchange.refusing import refuse
from switchyard.protocols.error_pages import answer_to
from tests.unit.failover.driver import Driver
from tests.unit.protocols.test_http2_server import Peer

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def fail(driver: Driver, stream: int, code: ErrorCode, message: str) -> None:
    """mitmproxy gives up a client's request."""
    client = driver.layer.connections[driver.client]  # type: ignore[attr-defined]
    error = ResponseProtocolError(stream, message, code)
    for command in driver.layer.event_to_child(client, error):  # type: ignore[attr-defined]
        driver._run(command)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/chat/completions", ("error", "message")),
        ("/v1/messages", ("error", "message")),
        ("/v1beta/models/g:generateContent", ("error", "message")),
        ("/api/chat", ("error",)),
    ],
)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (ErrorCode.CONNECT_FAILED, "gone"),
        (ErrorCode.REQUEST_VALIDATION_FAILED, "The request cannot be read: gone."),
    ],
)
def test_the_error_has_the_clients_format(
    path: str, found: tuple[str, ...], code: ErrorCode, told: str
) -> None:
    request = http.Request.make("POST", f"http://127.0.0.1:8787{path}")
    why = "gone" if told == "gone" else "gone. Disable the validate_inbound_headers option"
    answer = answer_to(ResponseProtocolError(1, why, code), request, refuse)
    assert answer is not None and answer.status_code == code.http_status_code()
    said = json.loads(answer.content or b"")
    assert ("type" in said) is (path == "/v1/messages")
    for name in found:
        said = said[name]
    assert said == told


@pytest.mark.parametrize("code", [ErrorCode.KILL, ErrorCode.CANCEL])
def test_a_stream_that_is_just_ended_has_no_answer(code: ErrorCode) -> None:
    request = http.Request.make("POST", "http://127.0.0.1:8787/v1/messages")
    assert answer_to(ResponseProtocolError(1, "killed", code), request, refuse) is None


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", BROWSER])
def test_over_http2(accept: str) -> None:
    driver = Driver([1], alpn=b"h2")
    peer = Peer(driver)
    stream = peer.ask(*([("accept", accept)] if accept else []))
    peer.talk()
    fail(driver, stream, ErrorCode.CONNECT_FAILED, "no way to `secret bytes`")
    came = peer.talk()
    (status,) = [
        one.headers[0] for one in came if isinstance(one, ResponseReceived) and one.headers
    ]
    body = b"".join(one.data or b"" for one in came if isinstance(one, DataReceived))
    assert status == (":status", "502")
    assert body.startswith(b"<html>") is (accept == BROWSER)
    assert b"no way to" in body
    peer.ask()
    peer.talk()
    assert len(driver.attempts) == 2  # the connection goes on


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_over_http1(accept: str) -> None:
    driver = Driver([1])
    head = f"POST /v1/x HTTP/1.1\r\nhost: us\r\naccept: {accept}\r\ncontent-length: 0\r\n\r\n"
    driver.feed(events.DataReceived(driver.client, head.encode()))
    fail(driver, 1, ErrorCode.CONNECT_FAILED, "gone")
    told, _, body = driver.answer.partition(b"\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 502") and b"connection: close" in told.lower()
    assert body.startswith(b"<html>") is (accept == BROWSER) and b"gone" in body
    assert driver.client in driver.closed


def test_over_http2_a_response_that_has_begun_is_reset() -> None:
    driver = Driver([1], alpn=b"h2")
    peer = Peer(driver)
    stream = peer.ask()
    peer.talk()
    driver.says(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhi\n\r\n")
    assert any(isinstance(one, ResponseReceived) for one in peer.talk())
    fail(driver, stream, ErrorCode.GENERIC_SERVER_ERROR, "gone")
    assert [type(one).__name__ for one in peer.talk()] == ["StreamReset"]
