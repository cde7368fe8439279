"""HTTP/2 towards a client, without sockets."""

from collections.abc import Iterator

import h2.config
import h2.connection
import h2.settings
import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated
from h2.events import DataReceived
from h2.events import ResponseReceived
from h2.settings import SettingCodes
from mitmproxy.proxy import events

from switchyard.protocols.http2_server import HIGH
from switchyard.protocols.http2_server import RESETS
from tests.unit.failover.driver import Driver

HEAD = [(":method", "POST"), (":scheme", "http"), (":authority", "us"), (":path", "/v1/x")]
STREAMS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


class Peer:
    """An HTTP/2 client of a driver's layer."""

    def __init__(self, driver: Driver, window: int | None = None) -> None:
        self.driver = driver
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        if window is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=True, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window}
            )
        self.h2.initiate_connection()
        self._read = 0
        self.talk()

    def talk(self) -> list[object]:
        """Send what there is, and read what was answered."""
        self.driver.feed(events.DataReceived(self.driver.client, self.h2.data_to_send()))
        came = self.driver.answer[self._read :]
        self._read += len(came)
        return list(self.h2.receive_data(came))

    def ask(self, *fields: tuple[str, str], body: bytes = b"body") -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, [*HEAD, *fields])
        self.h2.send_data(stream, body, end_stream=True)
        return stream


@pytest.fixture
def driver() -> Iterator[Driver]:
    yield Driver([1, 2, 3], alpn=b"h2", limits={"headers": 20, "head": 2000, "request-line": 500})


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def test_the_limit_of_heads_is_told(driver: Driver) -> None:
    peer = Peer(driver)
    assert peer.h2.remote_settings.max_header_list_size == 2000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("x-a", "b")] * 21, "431"),
        ([("x-a", "b" * 2500)], "431"),
        ([("x-a", "b")] * 20, None),
    ],
)
def test_heads(driver: Driver, fields: list[tuple[str, str]], status: str | None) -> None:
    peer = Peer(driver)
    peer.ask(*fields)
    told = [one for one in peer.talk() if isinstance(one, ResponseReceived)]
    assert [str(one.headers[0][1]) for one in told if one.headers] == ([status] if status else [])
    assert len(driver.attempts) == (0 if status else 1)
    peer.ask()
    peer.talk()
    assert len(driver.attempts) == (1 if status else 2)  # the connection goes on


@pytest.mark.parametrize("authority", ["x/#@y", "us@x", "a b", "x:99999"])
def test_a_head_that_cannot_be_read_ends_its_stream_alone(driver: Driver, authority: str) -> None:
    peer = Peer(driver)
    first = peer.ask()
    stream = peer.h2.get_next_available_stream_id()
    wrong = [(name, authority if name == ":authority" else value) for name, value in HEAD]
    peer.h2.send_headers(stream, wrong)
    peer.h2.send_data(stream, b"body", end_stream=True)
    answered = [one for one in peer.talk() if isinstance(one, ResponseReceived)]
    statuses = [(one.stream_id, str((one.headers or [])[0][1])) for one in answered]
    assert statuses == [(stream, "400")]
    assert len(driver.attempts) == 1 and first != stream
    peer.ask()
    peer.talk()
    assert len(driver.attempts) == 2


def test_a_head_far_beyond_the_limit_ends_the_connection(driver: Driver) -> None:
    peer = Peer(driver)
    peer.ask(*[(f"x-{number}", "b" * 1000) for number in range(30)])
    assert any(isinstance(one, ConnectionTerminated) for one in peer.talk())


def test_an_answer_that_nobody_has_room_for_holds_its_upstream_back(driver: Driver) -> None:
    """And that one alone, until there is room."""
    peer = Peer(driver, window=0)
    first, _ = peer.ask(), peer.ask()
    peer.talk()
    one, other = driver.servers[:2]
    driver.feed(events.DataReceived(one, STREAMS + chunk(b"x" * 1000 + b"\n")))
    driver.feed(events.DataReceived(other, STREAMS + chunk(b"y" * 1000 + b"\n")))
    assert not +driver.holding.held
    for _ in range(HIGH // 1000 + 1):
        driver.feed(events.DataReceived(one, chunk(b"x" * 1000 + b"\n")))
    assert +driver.holding.held == {one: 1}
    peer.h2.increment_flow_control_window(10_000_000, first)
    peer.h2.increment_flow_control_window(10_000_000)
    came = [one for one in peer.talk() if isinstance(one, DataReceived)]
    assert sum(len(one.data or b"") for one in came) >= HIGH
    assert not +driver.holding.held


def test_who_resets_a_stream_holds_nobody_back(driver: Driver) -> None:
    peer = Peer(driver, window=0)
    stream = peer.ask()
    peer.talk()
    driver.says(STREAMS)
    for _ in range(HIGH // 1000 + 2):
        driver.says(chunk(b"x" * 1000 + b"\n"))
    assert +driver.holding.held
    peer.h2.reset_stream(stream)
    peer.talk()
    assert not +driver.holding.held


def test_a_client_that_reads_nothing_is_read_no_more(driver: Driver) -> None:
    peer = Peer(driver)
    driver.holding.full.add(driver.client)
    peer.ask()
    peer.talk()
    assert driver.holding.held[driver.client] == 1
    driver.holding.full.clear()
    driver.wake()
    assert not driver.holding.held[driver.client]


def test_a_head_that_does_not_end_is_waited_for_no_longer(driver: Driver) -> None:
    peer = Peer(driver)
    peer.talk()
    peer.ask()
    data = bytearray(peer.h2.data_to_send())
    data[4] &= ~0x04  # END_HEADERS
    driver.feed(events.DataReceived(driver.client, bytes(data[: 9 + int.from_bytes(data[:3])])))
    assert not driver.closed
    driver.wake()
    assert driver.client in driver.closed


def test_who_takes_back_request_after_request_is_heard_no_more(driver: Driver) -> None:
    """Rapid reset: each request costs as much as one that is answered, and none counts as open."""
    peer = Peer(driver)
    ended: list[ConnectionTerminated] = []
    for _ in range(3 * RESETS):
        peer.h2.reset_stream(peer.ask())
        ended = [one for one in peer.talk() if isinstance(one, ConnectionTerminated)]
        if ended:
            break
    assert [one.error_code for one in ended] == [ErrorCodes.ENHANCE_YOUR_CALM]
    assert driver.closed


def test_who_takes_back_some_of_its_requests_goes_on(driver: Driver) -> None:
    peer = Peer(driver)
    for _ in range(RESETS + 50):
        peer.ask(*[("x-a", "b")] * 21)  # which is answered at once
        peer.talk()
    for _ in range(RESETS - 1):
        peer.h2.reset_stream(peer.ask())
        assert not any(isinstance(one, ConnectionTerminated) for one in peer.talk())
    assert not driver.closed
