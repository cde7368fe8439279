"""HTTP/1 by the short ways is what mitmproxy makes of it."""

from collections.abc import Iterable
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.options import Options
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.test import taddons
from mitmproxy.test import tflow

from switchyard.protocols.http1 import QuickHttp1Server
from switchyard.protocols.http1_client import PatientHttp1Client

POST = b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
REQUESTS = {
    "a body": POST,
    "no body": b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n",
    "chunks": CHUNKED,
    "an old one": POST.replace(b"1.1", b"1.0"),
    "the last one": POST.replace(b"Host", b"Connection: close\r\nHost"),
    "no request": b"POST\r\n\r\n",
    "two at once": POST + POST,
}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
ANSWERS = {
    "a body": OK,
    "an empty one": OK.replace(b"5", b"0").removesuffix(b"hello"),
    "none": b"HTTP/1.1 204 No Content\r\n\r\n",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "the last one": OK.replace(b"Content", b"Connection: close\r\nContent", 1),
    "until it closes": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "no answer": b"HTTP/1.1\r\n\r\n",
    "too much": OK + b"more",
}


@cache
def options() -> Options:
    with taddons.context(Proxyserver()) as made:
        return made.options


def context() -> Context:
    return Context(tflow.tclient_conn(), options())


def told(done: Iterable[commands.Command]) -> list[Any]:
    """What was done, in words that can be compared; bytes that follow each other as one."""
    words: list[Any] = []
    for command in done:
        match command:
            case commands.RequestWakeup():
                pass  # a deadline, which mitmproxy has none of
            case commands.SendData(data=data):
                if words and isinstance(words[-1], bytes):
                    words[-1] += data
                else:
                    words.append(data)
            case ReceiveHttp(event=event):
                head = getattr(event, "request", None) or getattr(event, "response", None)
                said = bytes(head.headers) if head is not None else getattr(event, "data", b"")
                words.append((type(event), event.stream_id, said))
            case _:
                words.append(type(command))
    return words


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def answered(layer: Any, answer: http.Response, body: Sequence[bytes]) -> Iterable[Any]:
    """The client's side: an answer to each of its requests."""
    stream_id = layer.stream_id
    yield from layer.handle_event(ResponseHeaders(stream_id, answer, not body))
    for data in body:
        yield from layer.handle_event(ResponseData(stream_id, data))
    yield from layer.handle_event(ResponseEndOfMessage(stream_id))


def served(quick: bool, pieces: list[bytes], answer: http.Response, body: list[bytes]) -> list[Any]:
    layer = Http1Server(context())
    done = list(layer.handle_event(events.Start()))
    if quick:
        QuickHttp1Server.adopt(layer)
        assert type(layer) is QuickHttp1Server
    for data in pieces:
        done += layer.handle_event(events.DataReceived(layer.conn, data))
    while layer.request_done and layer.state != layer.done:
        done += answered(layer, answer, body)
    return [*told(done), layer.state.__name__]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_towards_clients(request_: bytes, size: int) -> None:
    chunked = http.Response.make(200, headers={"transfer-encoding": "chunked"})
    modern = http.Response.make(200, b"hello")
    modern.http_version = "HTTP/2.0"
    for answer, body in (
        (http.Response.make(200, b"hello"), [b"hel", b"", b"lo"]),
        (http.Response.make(204), []),
        (chunked, [b"hello"]),
        (modern, [b"hello"]),
        (http.Response.make(200, b"", {"connection": "close"}), []),
    ):
        pieces = in_pieces(request_, size)
        own = served(False, pieces, answer, body)
        assert served(True, pieces, answer, body) == own


def asked(quick: bool, request: http.Request, pieces: list[bytes], early: bool) -> list[Any]:
    made = context()
    made.server.state = made.client.state
    layer = Http1Client(made)
    done = list(layer.handle_event(events.Start()))
    if quick:
        PatientHttp1Client.adopt(stack_of(layer))
        assert type(layer) is PatientHttp1Client
    content = request.raw_content
    done += layer.handle_event(RequestHeaders(1, request, not content))
    if content:
        done += layer.handle_event(RequestData(1, content))
    if not early:
        done += layer.handle_event(RequestEndOfMessage(1))
    for data in pieces:
        done += layer.handle_event(events.DataReceived(layer.conn, data))
    if early and layer.request is not None:
        done += layer.handle_event(RequestEndOfMessage(1))
    if layer.request is not None:
        made.server.state &= ~made.server.state
        done += layer.handle_event(events.ConnectionClosed(layer.conn))
    words = told(done)
    # Ours tells of the end last, when the connection can carry another request.
    ends = [word for word in words if isinstance(word, tuple) and word[0] is ResponseEndOfMessage]
    return [*(word for word in words if word not in ends), *ends, layer.state.__name__]


def stack_of(layer: Http1Client) -> Http1Client:
    layer.context.layers.insert(0, layer)
    return layer


@pytest.mark.parametrize("early", [False, True], ids=["after", "before the end"])
@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_towards_servers(answer: bytes, size: int, early: bool) -> None:
    modern = http.Request.make("POST", "http://b/a", b"hello")
    modern.http_version = "HTTP/2.0"
    chunked = http.Request.make("POST", "http://b/a", b"hello", {"transfer-encoding": "chunked"})
    requests = [http.Request.make("POST", "http://b/a", b"hello"), modern, chunked]
    requests.append(http.Request.make("GET", "http://b/a"))
    for request in requests:
        pieces = in_pieces(answer, size)
        own = asked(False, request, pieces, early)
        assert asked(True, request, pieces, early) == own


def as_it_goes(layer: Any, pieces: list[bytes]) -> list[tuple[type, bytes]]:
    """The events of a body, one for each piece."""
    found: list[tuple[type, bytes]] = []
    for data in pieces:
        for command in layer.handle_event(events.DataReceived(layer.conn, data)):
            assert isinstance(command, ReceiveHttp)
            found.append((type(command.event), getattr(command.event, "data", b"")))
    return found


def test_pieces_within_a_body_are_handed_on_without_a_copy() -> None:
    layer = Http1Server(context())
    list(layer.handle_event(events.Start()))
    QuickHttp1Server.adopt(layer)
    head = b"POST /a HTTP/1.1\r\nhost: b\r\ncontent-length: 12\r\n\r\n"
    list(layer.handle_event(events.DataReceived(layer.conn, head)))
    first, second = bytes(bytearray(b"first")), bytes(bytearray(b"second"))
    found = as_it_goes(layer, [first, second])
    assert [id(data) for _, data in found] == [id(first), id(second)]
    assert not layer.buf
    assert as_it_goes(layer, [b"!"]) == [(RequestData, b"!"), (RequestEndOfMessage, b"")]
