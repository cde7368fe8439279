"""Heads of HTTP/1 messages: what is none is refused, what is folded or blank is read."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.net.http import http1
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import ResponseProtocolError

from switchyard.engine import fast_messages
from switchyard.protocols import message_heads
from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1_client import PatientHttp1Client
from tests.unit.protocols.test_http1 import CHUNKED
from tests.unit.protocols.test_http1 import OK
from tests.unit.protocols.test_http1 import POST
from tests.unit.protocols.test_http1 import answered
from tests.unit.protocols.test_http1 import context
from tests.unit.protocols.test_http1 import in_pieces
from tests.unit.protocols.test_http1 import told

GET = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
REPLY = http.Response.make(200, b"", {"content-length": "0"})


@pytest.fixture(autouse=True, params=["mitmproxy's", "the engine's"])
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ways to look at a head's length and version."""
    message_heads.install()
    if request.param == "the engine's":
        from mitmproxy.net.http.http1 import read

        for place in (read, http1):
            monkeypatch.setattr(place, "expected_http_body_size", fast_messages._body_size)
        monkeypatch.setattr(read, "raise_if_http_version_unknown", fast_messages._check_version)
    yield
    message_heads.remove()


def served(data: bytes, size: int = 1000) -> list[Any]:
    """What becomes of what a client sends, which gets an empty answer to each of its requests."""
    layer = Http1Server(context())
    done = list(layer.handle_event(events.Start()))
    QuickHttp1Server.adopt(layer)
    for piece in in_pieces(data, size):
        done += layer.handle_event(events.DataReceived(layer.conn, piece))
        while layer.request_done and layer.state != layer.done:
            done += answered(layer, REPLY, [])
    return [*told(done), layer.state.__name__]


def requests_in(done: list[Any]) -> list[bytes]:
    return [one[2] for one in done if isinstance(one, tuple) and one[0] is RequestHeaders]


def status_of(done: list[Any]) -> bytes:
    sent = b"".join(one for one in done if isinstance(one, bytes))
    return sent.split(b" ")[1]


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n\n"])
def test_blank_lines_are_ignored(blank: bytes, size: int) -> None:
    for first in (POST, GET, CHUNKED):
        done = served(blank + first + blank + POST + blank + GET + blank, size)
        assert len(requests_in(done)) == 3
        assert sum(isinstance(one, tuple) and one[0] is RequestEndOfMessage for one in done) == 3


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/9.9", b"HTTP/0.9", b"HTTP/3.0"])
@pytest.mark.parametrize("size", [1, 1000])
def test_other_versions_are_refused(version: bytes, size: int) -> None:
    done = served(GET.replace(b"HTTP/1.1", version), size)
    assert status_of(done) == b"505" and not requests_in(done)
    assert len(requests_in(served(GET.replace(b"HTTP/1.1", version) + GET, size))) == 0


def test_versions_of_http_1_are_read() -> None:
    for version in (b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.2"):
        assert len(requests_in(served(GET.replace(b"HTTP/1.1", version)))) == 1


@pytest.mark.parametrize(
    "line",
    [b"x-a: b\rTransfer-Encoding: chunked", b"x-a: b\x00c", b"x-a: \x0bb", b"x-a: b\x7f",
     b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\x0c", b"x-a: b\x1b[2J",
     b"Content-Length: \x0b5", b"x\x00-a: b", b"x-a: b\r\r"],
)  # fmt: skip
def test_control_characters_are_refused(line: bytes) -> None:
    for head in (POST, GET):
        done = served(head.replace(b"Host", line + b"\r\nHost"))
        assert status_of(done) == b"400" and not requests_in(done)


def test_controls_in_the_request_line_are_refused() -> None:
    for path in (b"/a\x0bb", b"/a\x00", b"/a\rb"):
        assert status_of(served(GET.replace(b"/a", path))) == b"400"


def test_folded_values_are_refused_of_clients_and_joined_of_upstreams() -> None:
    folded = b"GET /a HTTP/1.1\r\nHost: b\r\nx-a: b\r\n c\r\n\t d \r\nx-b: e\r\n\r\n"
    assert status_of(served(folded)) == b"400"
    lines = folded.split(b"\r\n")[1:-2]
    read = message_heads.read_headers(lines)
    assert bytes(read) == b"Host: b\r\nx-a: b c d\r\nx-b: e\r\n"
    with pytest.raises(ValueError, match="begin"):
        message_heads.read_headers([b" Host: b"])


def test_many_folded_lines_are_read_in_linear_time() -> None:
    began = time.process_time()
    lines = [b"x-a: b", *[b" c"] * 200_000]
    (field,) = message_heads.read_headers(lines).fields
    assert len(field[1]) == 400_001
    assert time.process_time() - began < 15  # a quadratic way takes minutes


def test_spaces_within_a_value_are_read_in_linear_time() -> None:
    began = time.process_time()
    spaces = b" " * 2_000_000
    (field,) = message_heads.read_headers([b"x-a:" + spaces + b"b" + spaces + b"c" + spaces]).fields
    assert field == (b"x-a", b"b" + spaces + b"c")
    assert time.process_time() - began < 15  # a quadratic way takes minutes


pieces_of_lines = st.lists(
    st.sampled_from([b"a", b"x-b", b":", b": ", b" ", b"\t", b"\r", b"\n", b"\r\n", b"\xff"]),
    max_size=14,
).map(b"".join)


@given(head=pieces_of_lines)
def test_lines_that_are_headers_are_read_as_one_by_one(head: bytes) -> None:
    lines = head.split(b"\n")
    parted = [line.partition(b":") for line in lines]
    fields = tuple((name, value.strip(b" \t\r\n")) for name, _, value in parted)
    plain = all(name and colon and name[:1] not in b" \t" for name, colon, _ in parted)
    if plain:
        assert message_heads.read_headers(lines).fields == fields


@given(sent=pieces_of_lines, more=pieces_of_lines, ended=st.sampled_from([b"", b"\r\n\r\n"]))
def test_lines_are_taken_off_a_buffer_as_h11_takes_them(
    sent: bytes, more: bytes, ended: bytes
) -> None:
    def taken(take: Any) -> list[Any]:
        buffer, found = ReceiveBuffer(), []
        for piece in (sent, more + ended):
            buffer += piece
            found += [take(buffer), bytes(buffer)]
        return found

    assert taken(message_heads.extract_lines) == taken(message_heads._extract_with_care)


@pytest.mark.parametrize(
    "body",
    [b"x\r\nhi\r\n0\r\n\r\n", b"-2\r\nhi\r\n0\r\n\r\n", b"2\r\nhi\r\nzz\r\n", b"0x2\r\nhi\r\n",
     b"\r\n2\r\nhi\r\n", b"2" * 30 + b"\r\n"],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 1000])
def test_broken_chunks_are_told(body: bytes, size: int) -> None:
    head = CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    done = served(head + body, size)
    assert status_of(done) == b"400"
    assert len(requests_in(done)) == 1


def test_a_body_that_breaks_off_after_the_answer_gets_no_other() -> None:
    layer = Http1Server(context())
    done = list(layer.handle_event(events.Start()))
    QuickHttp1Server.adopt(layer)
    done += layer.handle_event(events.DataReceived(layer.conn, CHUNKED[:-8]))
    done += layer.handle_event(ResponseHeaders(1, REPLY, True))
    done += layer.handle_event(events.DataReceived(layer.conn, b"broken\r\n"))
    sent = b"".join(one for one in told(done) if isinstance(one, bytes))
    assert sent.count(b"HTTP/1.1 ") == 1


def asked(pieces: list[bytes]) -> list[Any]:
    """What becomes of what an upstream answers."""
    layer = Http1Client(context())
    layer.context.server.timestamp_start = 1.0
    done = list(layer.handle_event(events.Start()))
    layer.__class__ = PatientHttp1Client
    layer.state = layer.read_headers
    request = http.Request.make("POST", "http://b/", b"x")
    for event in (RequestHeaders(1, request, False), RequestData(1, b"x"), RequestEndOfMessage(1)):
        done += layer.handle_event(event)
    for piece in pieces:
        if layer.state != layer.done:  # else the connection is closed
            done += layer.handle_event(events.DataReceived(layer.conn, piece))
    assert len(layer.buf) <= message_heads.upstream_heads.most_bytes + len(pieces[-1])
    return told(done)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nx-a: ", *[b"b" * 60_000] * 25],
        [b"HTTP/1.1 200 OK\r\n", *[b"x-a: b\r\n" * 9000] * 25],
        [b"HTTP/1.1 103 Early\r\n", *[b"x-a: b\r\n" * 9000] * 25],
        [b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 1001 + b"\r\n"],
        [b"HTTP/1.1 200 OK\r\nx-a: " + b"b" * 1_100_000 + b"\r\n\r\n"],
        [b"b" * 60_000] * 25,
    ],
)
def test_an_upstreams_head_is_bounded(pieces: list[bytes]) -> None:
    done = asked(pieces)
    assert not any(isinstance(one, tuple) and one[0] is ResponseHeaders for one in done)
    errors = [one for one in done if isinstance(one, tuple) and one[0] is ResponseProtocolError]
    assert len(errors) == 1


def test_an_upstreams_large_head_and_body_pass() -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 990 + b"Content-Length: 500000\r\n\r\n"
    done = asked([head + b"x" * 500_000])
    assert any(isinstance(one, tuple) and one[0] is ResponseHeaders for one in done)


def test_controls_in_an_upstreams_head_become_spaces() -> None:
    done = asked([OK.replace(b"Content", b"x-a: b\rc\x00\x0bd\r\n e\r\nContent", 1)])
    (head,) = [one[2] for one in done if isinstance(one, tuple) and one[0] is ResponseHeaders]
    assert head.startswith(b"x-a: b c  d e\r\n")
