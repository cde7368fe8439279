"""Whose request it is, where a trusted proxy says so."""

from ipaddress import ip_network

import pytest
from mitmproxy import connection
from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from switchyard.listener.addresses import comes_from_here
from switchyard.listener.addresses import may_pass
from switchyard.listener.forwarded import client_behind
from switchyard.listener.forwarded import note_peer
from switchyard.listener.forwarded import peer_of

TRUSTED = tuple(map(ip_network, ("127.0.0.1", "10.0.0.0/8", "fd00::/8")))


def client(host: str = "127.0.0.1", mode: str = "regular") -> connection.Client:
    return connection.Client(
        peername=(host, 5),
        sockname=("127.0.0.1", 8787),
        timestamp_start=0,
        proxy_mode=ProxyMode.parse(mode),
        state=ConnectionState.OPEN,
    )


def headers(*fields: tuple[str, str]) -> http.Headers:
    return http.Headers([(name.encode(), value.encode()) for name, value in fields])


def behind(*fields: tuple[str, str], peer: str = "127.0.0.1") -> str | None:
    found = client_behind(client(peer), headers(*fields), TRUSTED)
    return found.peername[0] if found is not None else None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("203.0.113.9,10.1.2.3 , fd00::7", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("10.1.2.3, 10.4.5.6", "10.1.2.3"),  # all of them are proxies: the first one called
        ("127.0.0.1", "127.0.0.1"),
        ("203.0.113.9, unknown", "127.0.0.1"),
        ("203.0.113.9, unknown, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.9,", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("1.2.3.4" + " " * 5000, "127.0.0.1"),
        (", ".join(["203.0.113.9", *["10.1.2.3"] * 40]), "10.1.2.3"),
    ],
)
def test_the_right_most_stranger_is_the_client(value: str, address: str) -> None:
    assert behind(("X-Forwarded-For", value)) == address


def test_lines_of_a_header_are_one_list() -> None:
    lines = ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")
    assert behind(*lines) == "203.0.113.9"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="[2001:db8::1]:80";proto=https;by=10.0.0.1', "2001:db8::1"),
        ("for=198.51.100.1;by=1.1.1.1, by=10.0.0.2; for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9, for=10.1.2.3", "203.0.113.9"),
        ("for=_hidden", "127.0.0.1"),
        ("proto=https", "127.0.0.1"),
    ],
)
def test_the_header_of_the_rfc(value: str, address: str) -> None:
    assert behind(("forwarded", value)) == address


def test_the_usual_header_counts_over_that_of_the_rfc() -> None:
    forged = "forwarded", "for=198.51.100.1"
    assert behind(forged, ("x-forwarded-for", "203.0.113.9")) == "203.0.113.9"


@pytest.mark.parametrize("peer", ["203.0.113.1", "127.0.0.2", "::1", "::ffff:203.0.113.1"])
@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_a_header_of_anybody_else_never_counts(peer: str, name: str) -> None:
    assert behind((name, "10.0.0.1"), peer=peer) is None


def test_a_proxy_that_names_nobody_speaks_for_itself_only_without_a_header() -> None:
    assert behind() is None
    assert behind(("via", "1.1 front")) == "127.0.0.1"
    assert behind(("x-real-ip", "203.0.113.9"), peer="::ffff:10.0.0.1") == "::ffff:10.0.0.1"


@pytest.mark.parametrize("mode", ["socks5", "transparent"])
def test_headers_count_only_where_a_proxy_calls_the_router(mode: str) -> None:
    given = headers(("x-forwarded-for", "203.0.113.9"))
    assert client_behind(client(mode=mode), given, TRUSTED) is None


def test_who_is_behind_a_proxy_is_never_on_this_machine() -> None:
    flow = tflow.tflow(client_conn=client())
    assert comes_from_here(peer_of(flow)) and may_pass(peer_of(flow))
    flow.request.headers["x-forwarded-for"] = "127.0.0.1"
    assert not note_peer(flow, ()) and comes_from_here(peer_of(flow))
    assert note_peer(flow, TRUSTED)
    assert not comes_from_here(peer_of(flow)) and not may_pass(peer_of(flow))
    assert peer_of(flow).id == flow.client_conn.id
