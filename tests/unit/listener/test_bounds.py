"""What a client may have of the router, without sockets."""

from ipaddress import ip_network

import pytest
from mitmproxy import connection
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import events
from mitmproxy.proxy.mode_specs import ProxyMode

from switchyard.config.limits import Limits
from switchyard.failover.deadlines import Deadline
from switchyard.failover.layer import FailoverLayer
from switchyard.listener.bounds import ClientBounds
from switchyard.listener.bounds import address_of
from switchyard.listener.bounds import plainly
from switchyard.listener.forwarded import ForwardedClient
from switchyard.protocols.http1 import WAITING
from tests.unit.failover.driver import Driver


def client(host: str) -> connection.Client:
    return connection.Client(
        peername=(host, 5),
        sockname=("127.0.0.1", 8787),
        timestamp_start=0,
        proxy_mode=ProxyMode.parse("regular"),
        state=ConnectionState.OPEN,
    )


def bounds(**limits: object) -> ClientBounds:
    made = Limits.model_validate({name.replace("_", "-"): value for name, value in limits.items()})
    return ClientBounds(lambda: made, plainly)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::1", "127.0.0.1", False),
    ],
)
def test_who_counts_as_one(one: str, other: str, same: bool) -> None:
    assert (address_of(client(one)) == address_of(client(other))) == same


def test_connections_of_an_address_are_counted_until_they_end() -> None:
    all_ = bounds(connections_per_address=2)
    clients = [client("192.0.2.1") for _ in range(3)]
    assert [all_.open(one) for one in clients] == [True, True, False]
    assert all_.open(client("192.0.2.2"))
    for one in clients[1:]:
        all_.close(one)
    assert all_.open(client("192.0.2.1"))


def test_an_ended_connection_has_nothing_whatever_ends_later() -> None:
    all_ = bounds()
    stays, goes = client("192.0.2.1"), client("192.0.2.1")
    for one in (stays, goes):
        all_.open(one)
        all_.share_of(one).begin_request()
        all_.share_of(one).add_body(100)
    share, left = all_.share_of(goes), all_.share_of(stays).used
    all_.close(goes)
    share.end_request()
    share.add_body(-100)
    assert (left.connections, left.requests, left.bodies) == (1, 1, 100)


POST = b"POST /v1/x HTTP/1.1\r\nhost: us\r\n"


def test_a_body_that_is_told_to_be_too_large_is_not_read() -> None:
    driver = Driver([1], limits={"body": 100_000})
    driver.feed(events.DataReceived(driver.client, POST + b"content-length: 200000\r\n\r\n"))
    assert driver.answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in driver.answer
    for _ in range(20):
        driver.feed(events.DataReceived(driver.client, b"b" * 100_000))
    assert driver.held == 0 and "request" not in driver.hooks
    assert driver.hooks[-2:] == ["responseheaders", "response"]
    driver.wake()
    assert driver.client in driver.half_closed


@pytest.mark.parametrize(
    "head", [b"content-length: 90000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"]
)
def test_what_an_answer_on_the_head_refuses_is_not_read(head: bytes) -> None:
    """As that of a key that is missing; what is small is read, so that the connection stays."""
    driver = Driver([1])
    driver.on_hook = driver.refusing
    driver.feed(events.DataReceived(driver.client, POST + head))
    assert driver.answer.startswith(b"HTTP/1.1 401 ") and b"connection: close" in driver.answer


def test_a_small_body_of_a_refused_request_is_read() -> None:
    driver = Driver([1])
    driver.on_hook = driver.refusing
    driver.request(b"small")
    assert driver.answer.startswith(b"HTTP/1.1 401 ") and b"connection: close" not in driver.answer
    driver.request(b"again")
    assert driver.answer.count(b"HTTP/1.1 401 ") == 2 and not driver.closed


@pytest.mark.parametrize("given", ["leaves", "ends"])
def test_nothing_is_held_of_a_request_that_is_over(given: str) -> None:
    driver = Driver([1])
    head = POST + b"content-length: 1000000\r\n\r\n"
    driver.feed(events.DataReceived(driver.client, head + b"b" * 500_000))
    assert driver.held == 500_000
    assert isinstance(driver.layer, FailoverLayer)
    share = driver.layer.share
    assert (share.used.requests, share.used.bodies) == (1, 500_000)
    if given == "leaves":
        driver.hangs_up()
    else:
        driver.feed(events.DataReceived(driver.client, b"b" * 500_000))
        driver.says(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nend\n")
    assert driver.held == share.used.requests == share.used.bodies == 0


def test_a_body_has_to_come_on() -> None:
    """A large one may take longer than the limit, if something comes."""
    driver = Driver([1], limits={"body-time": "1ms", "head-time": "1ms"})
    head = POST + b"content-length: 1000000\r\n\r\n"
    driver.feed(events.DataReceived(driver.client, head))
    stream = next(iter(driver.layer.streams.values()))
    before = stream.deadlines[Deadline.BODY, None]  # pyright: ignore
    driver.feed(events.DataReceived(driver.client, b"b" * 100_000))
    assert stream.deadlines[Deadline.BODY, None] > before  # pyright: ignore
    between = stream.deadlines[Deadline.BODY, None]  # pyright: ignore
    driver.feed(events.DataReceived(driver.client, b"b" * 100))
    assert stream.deadlines[Deadline.BODY, None] == between  # pyright: ignore
    while b"408" not in driver.answer:
        driver.wake()
    assert driver.answer.startswith(b"HTTP/1.1 408 ")


def test_a_head_has_to_come_to_its_end() -> None:
    driver = Driver([1], limits={"head-time": "1ms"})
    driver.feed(events.DataReceived(driver.client, POST))
    while not driver.answer:
        driver.wake()
    assert driver.answer.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_sends_more_while_it_waits_is_held_back() -> None:
    driver = Driver([1])
    driver.request()
    driver.feed(events.DataReceived(driver.client, b"x" * (WAITING + 1)))
    driver.feed(events.DataReceived(driver.client, b"x"))
    assert driver.holding.held[driver.client] == 1
    driver.says(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nend\n")
    assert not +driver.holding.held


def test_a_client_that_reads_nothing_is_answered_nothing_more() -> None:
    driver = Driver([])
    driver.request()
    answered = len(driver.answer)
    driver.holding.full.add(driver.client)
    driver.request().request()
    assert len(driver.answer) == answered and driver.holding.held[driver.client] == 1
    driver.wake()
    assert len(driver.answer) == answered
    driver.holding.full.clear()
    driver.wake()
    assert driver.answer.count(b"HTTP/1.1 503 ") == 3 and not +driver.holding.held


def test_a_trusted_proxy_has_any_number_of_connections() -> None:
    made = Limits.model_validate({"connections-per-address": 1})
    some = ClientBounds(lambda: made, plainly, lambda: (ip_network("192.0.2.1"),))
    assert [some.open(client("192.0.2.1")) for _ in range(3)] == [True] * 3
    assert [some.open(client("192.0.2.2")) for _ in range(2)] == [True, False]


def test_requests_behind_a_proxy_count_by_their_own_addresses() -> None:
    some = bounds()
    proxy = client("192.0.2.1")
    assert some.open(proxy)
    near = [
        ForwardedClient(proxy.id, (host, 0), proxy.proxy_mode) for host in ("::1", "::2", "1.1.1.1")
    ]
    one, same, other = (some.share_of(proxy).behind(each) for each in near)
    for share in (one, same, other):
        share.begin_request()
    assert (one.used.requests, same.used.requests, other.used.requests) == (2, 2, 1)
    assert some.share_of(proxy).used.requests == 0
    one.end_request()
    assert same.used.requests == 1
    again = some.behind(near[0])
    assert again.used is same.used
    same.end_request()
    other.end_request()
    assert some.behind(near[0]).used is not same.used
