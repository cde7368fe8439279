"""One connection of the Responses API's WebSocket: its turns, its frames, its end."""

import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed
from wsproto import Connection
from wsproto import ConnectionType
from wsproto.events import CloseConnection
from wsproto.events import Event
from wsproto.events import TextMessage

from tests.integration.e2e.websocket.world import UPGRADE
from tests.integration.e2e.websocket.world import World
from tests.integration.e2e.websocket.world import good
from tests.integration.e2e.websocket.world import pinged
from tests.integration.e2e.websocket.world import said_in
from tests.integration.e2e.websocket.world import text_of
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import HANG
from tests.support.steps import STAY
from tests.support.steps import Wait
from tests.support.steps import chunked


def test_requests_are_answered_in_turn(world: World) -> None:
    release = Signal()
    slow, plan = world.on("chat", (*chunked(), Wait(release), *CHAT.events(Answer(text="First."))))
    fast, late = world.on("chat", good("chat", Answer(text="Second.")))
    with world.socket() as talk:
        talk.say(model=slow, input="x")
        talk.say(model=fast, input="y")
        plan.arrived.wait()
        assert not late.requests
        release.set()
        assert "First." in text_of(talk.events())
        assert "Second." in text_of(talk.events())


def test_lanes_run_side_by_side(world: World) -> None:
    """And all events of an answer name its lane."""
    release = Signal()
    slow, _ = world.on("chat", (*chunked(), Wait(release), *CHAT.events(Answer(text="First."))))
    fast, _ = world.on("chat", good("chat", Answer(text="Second.")))
    with world.socket() as talk:
        talk.say(model=slow, input="x", stream_id="a")
        talk.say(model=fast, input="y", stream_id='b "2"')
        events = talk.events()
        assert {event["stream_id"] for event in events} == {'b "2"'}
        assert "Second." in text_of(events)
        release.set()
        events = talk.events()
        assert {event["stream_id"] for event in events} == {"a"}
        fork = {"previous_response_id": events[-1]["response"]["id"], "stream_id": "c"}
        forked, plan = world.on("chat", good("chat"))
        talk.ask(forked, "z", **fork)
        talk.say(model="nobody/x", stream_id="d")
        assert talk.event()["stream_id"] == "d"
    assert said_in(plan) == [("user", "x"), ("assistant", "First."), ("user", "z")]


def test_too_many_waiting_requests_are_refused(world: World) -> None:
    release = Signal()
    model, _ = world.on("chat", (*chunked(), Wait(release), *CHAT.events(Answer())))
    with world.socket() as talk:
        talk.say(model=model, input="x")
        for _ in range(65):
            talk.say(model=model, input="x", generate=False)
        error = talk.event()
        assert error["status"] == 429 and "waiting" in error["error"]["message"]
        release.set()
        assert GOOD in text_of(talk.events())
        for _ in range(64):
            assert talk.events()[-1]["type"] == "response.completed"


def test_the_next_request_does_not_wait_for_a_provider_to_close(world: World) -> None:
    model, plan = world.on("chat", chunked(*CHAT.events(Answer()), STAY), good("chat"))
    with world.socket() as talk:
        talk.ask(model)
        talk.ask(model)
    first, second = plan.requests
    assert first.connection != second.connection


def test_a_client_that_leaves_ends_the_attempt(world: World) -> None:
    model, plan = world.on("chat", chunked(*CHAT.opening(Answer()), CHAT.text(PARTIAL), HANG))
    talk = world.socket()
    talk.say(model=model, input="x")
    while talk.event()["type"] != "response.output_text.delta":
        pass
    talk.connection.socket.close()
    plan.requests[0].gone.wait()
    silent, plan = world.on("chat", (HANG,))
    talk = world.socket()
    talk.say(model=silent, input="x")
    plan.arrived.wait()
    talk.connection.close(1001)
    plan.requests[0].gone.wait()


def test_a_client_that_waits_is_shown_that_somebody_is_there(world: World) -> None:
    """By pings, which its library answers."""
    release = Signal()
    model, _ = world.on("chat", (Wait(release), *chunked(*CHAT.events(Answer()))))
    with world.socket() as talk:
        beaten = pinged(talk)
        talk.say(model=model, input="x")
        beaten.wait()
        release.set()
        events = talk.events()
    assert GOOD in text_of(events)


def test_pings_are_answered_and_closing_is_agreed_upon(world: World) -> None:
    with world.socket() as talk:
        assert talk.connection.ping().wait(PATIENCE)
        talk.connection.close(1000, "bye")
        assert talk.connection.close_code == 1000
    with world.socket() as talk:
        talk.connection.send(b"\x00\x01")
        with pytest.raises(ConnectionClosed) as closed:
            talk.connection.recv(PATIENCE)
        assert closed.value.rcvd and closed.value.rcvd.code == 1003


def raw_socket(world: World, early: bytes = b"") -> socket.socket:
    """A connection after its handshake, which `early` came together with."""
    connection = socket.create_connection(("127.0.0.1", world.router.port), PATIENCE)
    lines = [f"{name}: {value}" for name, value in {"host": "localhost", **UPGRADE}.items()]
    head = "\r\n".join(["GET /v1/responses HTTP/1.1", *lines, "", ""]).encode()
    connection.sendall(head + early)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101 ")
    return connection


def frames_until_the_end(connection: socket.socket, client: Connection) -> list[Event]:
    events: list[Event] = []
    while data := connection.recv(65536):
        client.receive_data(data)
        events += client.events()
    connection.close()
    return events


def test_a_message_may_come_together_with_the_handshake(world: World) -> None:
    model, _ = world.on("chat", good("chat"))
    client = Connection(ConnectionType.CLIENT)
    said = json.dumps({"type": "response.create", "model": model, "input": "x"})
    with raw_socket(world, client.send(TextMessage(said))) as connection:
        told = b""
        while b"response.completed" not in told:
            told += connection.recv(65536)
    assert GOOD.encode() in told


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1002),
        (b"\xff" * 64, 1002),
        (b"\x81\x05hello", 1002),  # not masked
        (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007),  # no UTF-8
        (b"\x88\x80\x00\x00\x00\x00", None),  # a proper end without a code
    ],
)
def test_garbage_closes_the_connection(world: World, garbage: bytes, code: int | None) -> None:
    connection = raw_socket(world)
    connection.sendall(garbage)
    events = frames_until_the_end(connection, Connection(ConnectionType.CLIENT))
    closing = events[-1]
    assert isinstance(closing, CloseConnection)
    assert closing.code == (1005 if code is None else code)


def test_a_large_request_in_pieces(world: World) -> None:
    model, plan = world.on("chat", good("chat"))
    text = "word " * 400_000
    message = json.dumps({"type": "response.create", "model": model, "input": text})
    pieces = [message[at : at + 50_000] for at in range(0, len(message), 50_000)]
    with world.socket() as talk:
        talk.connection.send(iter(pieces))
        assert GOOD in text_of(talk.events())
    assert plan.requests[0].json["messages"][-1]["content"] == text
