"""Complete responses: in one piece, and with the same bytes as in parts."""

import pytest
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import HttpStream

from switchyard.failover import stream
from tests.unit.failover.driver import Driver
from tests.unit.failover.driver import Lines
from tests.unit.failover.driver import Whole

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n"


def head(more: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /v1/x %b\r\nhost: us\r\n%bcontent-length: 2\r\n\r\nhi" % (version, more)


def sends(driver: Driver, data: bytes) -> Driver:
    driver.feed(events.DataReceived(driver.client, data))
    return driver


def test_a_complete_response_is_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    driver, pieces = Driver([1], Whole).request(), []
    run = driver._run

    def note(command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            pieces.append(command.data)
        run(command)

    monkeypatch.setattr(driver, "_run", note)
    driver.says(OK)
    (piece,) = pieces
    assert piece.startswith(b"HTTP/1.1 200 OK\r\n") and piece.endswith(b"\r\n\r\nHELLO\n")


@pytest.mark.parametrize("receiver", [Whole, Lines], ids=["whole", "streamed"])
@pytest.mark.parametrize("answer", [OK, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize(
    "asked",
    [
        head(),
        head(b"connection: close\r\n"),
        head(b"connection: keep-alive\r\n"),
        head(version=b"HTTP/1.0"),
        head() + head(),
        head() + b"POST /v1/x HTTP/1.1\r\n",
    ],
    ids=["one", "last", "kept", "old", "two", "begun"],
)
def test_the_client_gets_what_mitmproxy_would_send(
    monkeypatch: pytest.MonkeyPatch, asked: bytes, answer: bytes, receiver: type[Lines]
) -> None:
    def ends(driver: Driver) -> tuple[bytes, bool, int]:
        sends(driver, asked)
        for _ in range(asked.count(b"\r\n\r\nhi")):
            driver.says(answer)
        return driver.answer, driver.client in driver.closed, len(driver.servers)

    quick = ends(Driver([1, 1], receiver))
    monkeypatch.setattr(
        stream,
        "send_plain_response",
        lambda this, layer, streamed: HttpStream.send_response(this, streamed),
    )
    assert ends(Driver([1, 1], receiver)) == quick


def test_requests_follow_each_other_on_both_connections() -> None:
    driver = Driver([1, 1, 1], Whole)
    for count in range(1, 4):
        driver.request().says(OK)
        assert driver.answer.count(b"HELLO") == count
    assert len(driver.servers) == 1
    assert driver.sent[driver.servers[0]].count(b"POST ") == 3


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    driver = Driver([1, 1], Whole).request().says(OK).closes()
    driver.request().says(OK)
    assert len(driver.servers) == 2 and driver.answer.count(b"HELLO") == 2
