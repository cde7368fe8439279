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

from switchyard.attempt import receiver
from switchyard.attempt.receiver import RelayReceiver
from switchyard.wire.format import Asked
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.unit.failover.answers import CHUNKED
from tests.unit.failover.answers import chunk
from tests.unit.failover.driver import Driver

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


def test_a_chunk_from_wire_to_wire_costs_fewer() -> None:
    d, there, here = driver(), Side(), Side()
    sides = {d.client: here, d.servers[0]: there}
    handler: Any = SimpleNamespace(connection_of=lambda connection: sides[connection])
    d.layer.handler = handler  # type: ignore[attr-defined]
    d.says(CHUNKED)
    for number in range(4):
        d.says(chunk(frame(f"word {number}")))
    last, left = chunk(frame("the very last words")), []
    assert calls(lambda: left.append(there.wire_fast_path.take(last))) <= 19
    assert (here.sent, left) == (last, [b""])
