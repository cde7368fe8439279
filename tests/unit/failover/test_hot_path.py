"""How many Python functions are called for one more chunk of a stream (docs/hot-path.md)."""

import json
import sys
from collections.abc import Callable
from types import FrameType
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import SendData
from OpenSSL import SSL

from switchyard.attempt import receiver
from switchyard.attempt.receiver import RelayReceiver
from switchyard.wire.format import Asked
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver
from tests.unit.protocols.tls_session import Session

BY_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
NO_SECRETS = SimpleNamespace(data=lambda data: data, text=lambda text: text)


@pytest.fixture(autouse=True)
def plain_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receiver without an exchange: no secrets, and a head without headers."""
    monkeypatch.setattr(receiver, "answering", lambda state: NO_SECRETS)
    monkeypatch.setattr(receiver, "stream_head", lambda call: ())
    monkeypatch.setattr(receiver, "answer_headers", lambda state, headers: ())


def driver() -> Driver:
    def make() -> RelayReceiver:
        chat = FORMATS["openai-chat"]
        relay = Relay(chat, chat, True, Asked(model="m", id="x", created=1))
        state: Any = SimpleNamespace(call=None, sent=0)
        return RelayReceiver(state, relay, lambda state: None)

    return Driver([1], make).request()


def frame(words: str, **more: object) -> bytes:
    choice = {"index": 0, "delta": {"content": words, **more}, "finish_reason": None}
    said = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: %b\n\n" % json.dumps({**said, "choices": [choice]}).encode()


def calls(step: Callable[[], object]) -> int:
    """How many Python functions `step` calls, generators that go on among them."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(before)
    return count - 1


@pytest.mark.parametrize(
    ("head", "wrap", "varies", "most"),
    [
        (CHUNKED, chunk, False, 32),
        (CHUNKED, chunk, True, 92),
        (BY_LENGTH, bytes, True, 145),
    ],
    ids=["skim", "fast-path", "events"],
)
def test_a_chunk_costs_few_calls(
    head: bytes, wrap: Callable[[bytes], bytes], varies: bool, most: int
) -> None:
    d = driver().says(head)
    for number in range(4):
        d.says(wrap(frame("word", **{f"x{number}": 1} if varies else {})))
    last = wrap(frame("last", **{"x": 1} if varies else {}))
    event, found = events.DataReceived(d.servers[0], last), []
    assert calls(lambda: found.extend(d.layer.handle_event(event))) <= most
    (command,) = found
    assert isinstance(command, SendData) and b"last" in command.data


class Side:
    """A TCP connection."""

    wire_fast_path: Any = None

    def __init__(self) -> None:
        self.sent = b""

    def write_now(self, data: bytes) -> None:
        self.sent += data


def wired(d: Driver) -> tuple[Side, Side]:
    """Has the engine drive it: the upstream's side, and the client's."""
    there, here = Side(), Side()
    sides = {d.client: here, d.servers[0]: there}
    handler: Any = SimpleNamespace(
        connection_of=lambda connection: sides[connection], process=d.feed, handled=0
    )
    d.layer.handler = handler  # type: ignore[attr-defined]
    return there, here


def test_a_chunk_from_wire_to_wire_costs_fewer() -> None:
    d = driver()
    there, here = wired(d)
    d.says(CHUNKED)
    for number in range(4):
        d.says(chunk(frame(f"word {number}")))
    last, left = chunk(frame("the very last words")), []
    first = calls(lambda: left.append(there.wire_fast_path.take(last)))
    next = calls(lambda: left.append(there.wire_fast_path.take(last)))
    assert first <= 19 and next <= 13
    assert (here.sent, left) == (2 * last, [b"", b""])


def test_to_decrypt_it_costs_no_layers() -> None:
    d, session = driver(), Session(SSL.TLS1_3_VERSION)
    there, here = wired(d)
    (server,), connections = d.servers, d.layer.connections
    # The layer of an open session takes its place around the connection's HTTP/1 client.
    tls = session.tls
    tls.child_layer, tls.context = connections[server], connections[server].context
    tls.conn = tls.tunnel_connection = server
    connections[server], server.tls = tls, True
    d.says(session.encrypted(CHUNKED))
    for number in range(4):
        d.says(session.encrypted(chunk(frame(f"word {number}"))))
    last, left = chunk(frame("the very last words")), []
    encrypted = session.encrypted(last)
    assert calls(lambda: left.append(there.wire_fast_path.take(encrypted))) <= 30
    assert (here.sent, left) == (last, [b""])
    there.wire_fast_path.take(session.encrypted(b"0\r\n\r\n"))
    assert there.wire_fast_path is None
