"""Requests that are refused by their heads, on a connection that is not there."""

import pytest
from mitmproxy import http
from mitmproxy.proxy import commands
from mitmproxy.proxy import events

from switchyard.failover.deadlines import Deadline
from switchyard.failover.layer import FailoverLayer
from switchyard.failover.request_stream import RequestStream
from switchyard.protocols.http1 import LINGERING
from tests.unit.failover.driver import Driver

HEAD = b"POST /v1/x HTTP/1.1\r\nhost: us\r\ncontent-length: 99999999999\r\n\r\n"


class Refusing:
    """Refuses everything, `after` so many seconds."""

    def __init__(self, driver: Driver, after: float = 0.0) -> None:
        self.after = after
        assert isinstance(driver.layer, FailoverLayer)
        driver.layer.heads = self
        driver.on_hook = self._answer

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        raise AssertionError("nothing was written in its place")

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        return self.after

    def _answer(self, hook: commands.StartHook) -> None:
        if hook.name == "requestheaders":
            hook.args()[0].response = http.Response.make(401, b"no")


def says(driver: Driver, data: bytes) -> None:
    driver.feed(events.DataReceived(driver.client, data))


def refused(after: float = 0.0) -> Driver:
    driver = Driver([])
    Refusing(driver, after)
    says(driver, HEAD)
    return driver


@pytest.mark.parametrize("pieces", [0, 3])
def test_the_answer_waits_for_no_body(pieces: int) -> None:
    driver = refused()
    assert driver.answer.startswith(b"HTTP/1.1 401") and driver.answer.endswith(b"no")
    assert b"connection: close" in driver.answer and driver.client not in driver.closed
    assert driver.hooks == ["requestheaders", "request", "responseheaders", "response"]
    for _ in range(pieces):
        says(driver, b"x" * 1000)
    assert driver.flow is not None and driver.flow.request.raw_content == b""
    assert isinstance(driver.layer, FailoverLayer) and not driver.layer.streams
    driver.wake()
    assert driver.closed == [driver.client]
    says(driver, b"x" * 1000)
    driver.hangs_up()


def test_nobody_sends_for_ever() -> None:
    driver = refused()
    piece = b"x" * (1024 * 1024)
    for _ in range(LINGERING // len(piece)):
        says(driver, piece)
    assert driver.client not in driver.closed
    says(driver, piece)
    assert driver.closed == [driver.client]


def test_a_client_that_hangs_up_ends_the_connection() -> None:
    driver = Driver([])
    Refusing(driver)
    says(driver, HEAD.replace(b"99999999999", b"4") + b"bo")
    assert driver.half_closed == [driver.client] and driver.client not in driver.closed
    driver.hangs_up()
    assert driver.closed == [driver.client]


def test_a_refusal_that_waits_keeps_nothing_meanwhile() -> None:
    driver = refused(after=1000.0)
    assert driver.answer == b"" and driver.hooks == ["requestheaders"]
    says(driver, b"x" * 1000)
    assert isinstance(driver.layer, FailoverLayer)
    (stream,) = driver.layer.streams.values()
    assert isinstance(stream, RequestStream)
    assert not stream.request_body_buf
    stream.deadlines[Deadline.REFUSAL, None] = 0.0
    (waiting,) = driver.timers
    driver.feed(events.Wakeup(waiting))
    assert driver.answer.startswith(b"HTTP/1.1 401")


def test_a_client_that_leaves_meanwhile_hears_nothing() -> None:
    driver = refused(after=1000.0)
    driver.hangs_up()
    assert driver.answer == b"" and driver.hooks == ["requestheaders", "error"]
    driver.wake()
    assert driver.answer == b""


def test_an_answer_to_head_has_no_body() -> None:
    driver = Driver([])
    says(driver, b"HEAD /v1/x HTTP/1.1\r\nhost: us\r\n\r\n")
    assert driver.answer.startswith(b"HTTP/1.1 503")
    assert driver.answer.endswith(b"\r\ncontent-length: 7\r\n\r\n")
