"""The Responses API over a WebSocket, before providers of three formats."""

import asyncio
import json
import socket
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect
from wsproto import Connection
from wsproto import ConnectionType
from wsproto.events import CloseConnection
from wsproto.events import Event
from wsproto.events import TextMessage

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import fresh_model
from tests.integration.e2e.test_transport import trusting
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import HANG
from tests.support.steps import STAY
from tests.support.steps import Reaction
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.upstream import Plan
from tests.support.upstream import Upstream

PATHS = {
    "chat": "/v1/chat/completions",
    "anth": "/v1/messages",
    "resp": "/v1/responses",
}
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ENDS = ("response.completed", "response.incomplete", "response.failed", "error")
every_format = pytest.mark.parametrize("provider", ["chat", "anth", "resp"])


@dataclass(slots=True)
class World:
    upstream: Upstream
    router: Router

    def on(self, provider: str, *reactions: Reaction, **more: Any) -> tuple[str, Plan]:
        model = fresh_model()
        plan = self.upstream.on(model, *reactions, path=PATHS[provider.partition("-")[0]], **more)
        return f"{provider}/{model}", plan

    def socket(self, path: str = "/v1/responses", **headers: str) -> "Talk":
        url = f"ws://127.0.0.1:{self.router.port}{path}"
        said = {"authorization": f"Bearer {CLIENT_KEY}", **headers}
        return Talk(url, additional_headers=said, proxy=None, max_size=None)


class Talk:
    """A client's side of a connection."""

    def __init__(self, url: str, **options: Any) -> None:
        self.connection: ClientConnection = connect(url, **options).__enter__()

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps({"type": "response.create", **message}))

    def event(self) -> dict[str, Any]:
        event = json.loads(self.connection.recv(PATIENCE))
        assert isinstance(event, dict)
        return event

    def events(self) -> list[dict[str, Any]]:
        """Those of one answer."""
        events = [self.event()]
        while events[-1]["type"] not in ENDS:
            events.append(self.event())
        return events

    def ask(self, model: str, text: str = "hello", **more: Any) -> list[dict[str, Any]]:
        self.say(model=model, input=[user(text)], **more)
        return self.events()


def user(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


ANSWER = Answer()


def good(provider: str, answer: Answer = ANSWER) -> Reaction:
    if provider == "resp":
        return chunked(*Responses().events(answer))
    return saying(CHAT if provider == "chat" else ANTHROPIC, answer)


def pinged(talk: Talk) -> Signal:
    """Happens when the router sends a ping, which the library answers by itself."""
    beaten, protocol = Signal(), talk.connection.protocol
    receive = protocol.recv_frame

    def watch(frame: Any) -> None:
        if frame.opcode.name == "PING":
            beaten.set()
        receive(frame)

    protocol.recv_frame = watch
    return beaten


def said_in(plan: Plan, at: int = -1) -> list[tuple[str, str]]:
    """Who said what in a request of any format, tool calls and results by their names and texts."""
    body = plan.requests[at].json
    found = []
    for item in body.get("messages") or body["input"]:
        content = item.get("content") or item.get("output") or item.get("name") or ""
        if isinstance(content, list):
            content = "".join(part.get("text") or part.get("name", "") for part in content)
        found.append((item.get("role") or item["type"], content))
    return found


@pytest.fixture(scope="module", params=["launch", "mitmdump"])
def whole_world(
    request: pytest.FixtureRequest, upstream_ca: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """With the engine of `scripts/start`, and without."""
    with Upstream() as upstream, pytest.MonkeyPatch.context() as patch:
        formats = {"chat": "openai-chat", "anth": "anthropic", "resp": "openai-responses"}
        providers = [
            {"name": name, "format": format, "base-url": f"{upstream.url}/v1", "api-key": KEY}
            for short, format in formats.items()
            for name in (short, f"{short}-busy")
        ]
        config = {
            "providers": providers,
            "combos": {"stack": ["chat/bad", "anth/good"]},
            "intercept": {
                "native.example": ["resp/home"],
                "mixed.example": ["passthrough", "stack"],
            },
            "retry": {"request-retry": 0},
            "cooldown": {"base": "20ms", "cap": "40ms"},
            "heartbeat": {"after": "50ms", "every": "50ms"},
        }
        if request.param == "mitmdump":
            patch.setenv(LAUNCHER, "mitmdump")
        with Router(tmp_path_factory.mktemp("websocket"), config, trust=upstream_ca) as router:
            yield World(upstream, router)


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    upstream = whole_world.upstream
    yield whole_world
    unplanned = [request.body for request in upstream.unscripted]
    upstream.unscripted.clear()
    upstream.forget()
    assert not unplanned, f"unplanned: {unplanned}"


@every_format
def test_an_answer_comes_as_its_events_in_order(world: World, provider: str) -> None:
    model, plan = world.on(provider, good(provider))
    with world.socket() as talk:
        events = talk.ask(model)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    assert kinds.count("response.output_item.done") == 1
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(len(events)))
    assert GOOD in text_of(events)
    (request,) = plan.requests
    assert request.method == "POST" and request.streams
    assert request.key == KEY
    assert CLIENT_KEY not in str(request.headers)
    names = request.header_names()
    assert not any(name.startswith("sec-websocket") or name == "upgrade" for name in names)
    assert not {"type", "generate", "stream_id"} & request.json.keys()


@pytest.mark.parametrize(
    "path", ["/v1/responses", "/responses", "/codex/responses", "/v1/codex/responses?a=b"]
)
def test_all_paths_of_the_calls_over_http_are_spoken(world: World, path: str) -> None:
    model, _ = world.on("chat", good("chat"))
    with world.socket(path) as talk:
        assert GOOD in text_of(talk.ask(model))


@every_format
@pytest.mark.parametrize("store", [False, None])
def test_only_the_new_items_are_sent(world: World, provider: str, store: bool | None) -> None:
    call = Call("call_up1", "look", '{"at": "it"}')
    stored = {} if store is None else {"store": store}
    model, plan = world.on(
        provider,
        good(provider, Answer(text="I shall look.", calls=(call,))),
        good(provider, Answer(text="Second.")),
        good(provider, Answer(text="Third.")),
    )
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    with world.socket() as talk:
        first = talk.ask(model, "one", tools=tools, **stored)[-1]["response"]
        result = {"type": "function_call_output", "call_id": "call_up1", "output": "seen"}
        asked = {"model": model, "tools": tools, **stored}
        talk.say(previous_response_id=first["id"], input=[result], **asked)
        second = talk.events()[-1]["response"]
        talk.say(previous_response_id=second["id"], input=[user("three")], **asked)
        assert "Third." in text_of(talk.events())
    assert "previous_response_id" not in plan.requests[-1].json
    said = json.dumps(plan.requests[-1].json)
    order = [said.index(word) for word in ("one", "I shall look.", "seen", "Second.", "three")]
    assert order == sorted(order)


def test_a_conversation_is_gone_on_with_by_another_member(world: World) -> None:
    native, _ = world.on("resp", good("resp", Answer(text="Mine.")))
    other, plan = world.on("anth", good("anth"))
    with world.socket() as talk:
        first = talk.ask(native, "one", store=False)[-1]["response"]
        assert GOOD in text_of(talk.ask(other, "two", previous_response_id=first["id"]))
    assert said_in(plan) == [("user", "one"), ("assistant", "Mine."), ("user", "two")]


def test_earlier_answers_of_the_connection_can_be_gone_on_from(world: World) -> None:
    events = CHAT.events(Answer(text="Aye."))
    answers = [
        chunked(*(event.replace(b"chatcmpl-up1", b"chatcmpl-%d" % number) for event in events))
        for number in range(3)
    ]
    model, plan = world.on("chat", *answers)
    with world.socket() as talk:
        first = talk.ask(model, "one", store=False)[-1]["response"]["id"]
        talk.ask(model, "two", store=False, previous_response_id=first)
        talk.ask(model, "three", store=False, previous_response_id=first)
    assert said_in(plan) == [("user", "one"), ("assistant", "Aye."), ("user", "three")]


def test_what_is_not_stored_ends_with_its_connection(world: World) -> None:
    model, _ = world.on("chat", good("chat"))
    client = {"authorization": "Bearer one-of-its-own"}
    with world.socket(**client) as talk:
        before = talk.ask(model, store=False)[-1]["response"]["id"]
    with world.socket(**client) as talk:
        (error,) = talk.ask(model, previous_response_id=before)
        assert error["type"] == "error" and error["status"] == 400
        assert error["error"]["code"] == "previous_response_not_found"
        assert error["error"]["param"] == "previous_response_id"
        assert before in error["error"]["message"]


def test_reasoning_that_its_provider_does_not_know_is_left_out(world: World) -> None:
    """It was told not to store it, and gave nothing to know it by."""
    bare, proven = Answer(thinks=True, thinking="Hm.", signature=""), Answer(thinks=True)
    for answer, kinds in ((bare, ["message"]), (proven, ["reasoning", "message"])):
        model, plan = world.on("resp", good("resp", answer), good("resp"))
        with world.socket() as talk:
            before = talk.ask(model, store=False)[-1]["response"]["id"]
            talk.ask(model, previous_response_id=before, store=False)
        sent = [item["type"] for item in plan.requests[-1].json["input"]]
        assert sent == ["message", *kinds, "message"]


def test_a_provider_that_stored_what_went_before_is_told_its_name(world: World) -> None:
    """What it knows is not known here."""
    model, plan = world.on("resp", always=good("resp"))
    with world.socket(authorization="Bearer another-one") as talk:
        after = talk.ask(model, previous_response_id="resp_elsewhere")[-1]["response"]["id"]
        talk.ask(model, previous_response_id=after)
    named = [request.json["previous_response_id"] for request in plan.requests]
    assert named == ["resp_elsewhere", after]


@every_format
def test_a_warm_up_asks_no_provider(world: World, provider: str) -> None:
    model, plan = world.on(provider, good(provider))
    with world.socket() as talk:
        events = talk.ask(model, "one", generate=False, store=False)
        kinds = [event["type"] for event in events]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        warm = events[-1]["response"]
        assert warm["output"] == [] and not plan.requests
        talk.ask(model, "two", previous_response_id=warm["id"], store=False)
        (error,) = talk.ask(model, generate=False, previous_response_id="resp_unknown")
        assert error["error"]["code"] == "previous_response_not_found"
    said = json.dumps(plan.requests[0].json)
    assert said.index("one") < said.index("two")


def test_another_member_answers_before_anything_is_seen(world: World) -> None:
    bad = chunked(*CHAT.opening(Answer()), CHAT.error_event("server_error", BAD))
    world.upstream.on("bad", bad)
    plan = world.upstream.on("good", good("anth"))
    with world.socket() as talk:
        events = talk.ask("stack")
    assert GOOD in text_of(events) and BAD not in json.dumps(events)
    assert [event["type"] for event in events].count("response.created") == 1
    assert plan.requests[0].path == "/v1/messages"


@every_format
def test_a_refusal_is_an_error_with_its_status(world: World, provider: str) -> None:
    dialect = ANTHROPIC if provider == "anth" else CHAT
    wrong = refusing(dialect, 400, "invalid_request_error", "wrong")
    often = refusing(dialect, 429, "rate_limit_error", "slow down", (("retry-after", "7"),))
    model, _ = world.on(f"{provider}-busy", wrong, good(provider), often)
    with world.socket() as talk:
        (error,) = talk.ask(model)
        assert error["type"] == "error" and error["status"] == 400
        assert "wrong" in error["error"]["message"] and KEY not in json.dumps(error)
        assert GOOD in text_of(talk.ask(model))
        (error,) = talk.ask(model)
        assert error["status"] == 429 and "slow down" in error["error"]["message"]
        assert 0 < int(error["headers"]["retry-after"]) <= 7


def test_a_refusal_after_signs_of_life_is_told_alike(world: World) -> None:
    release = Signal()
    refused = refusing(CHAT, 400, "invalid_request_error", "wrong")
    model, _ = world.on("chat", (Wait(release), *refused))
    with world.socket() as talk:
        beaten = pinged(talk)
        talk.say(model=model, input="x")
        beaten.wait()
        release.set()
        (error,) = talk.events()
    assert (error["type"], error["status"]) == ("error", 400)
    assert "wrong" in error["error"]["message"]


def test_the_connection_goes_on_after_errors(world: World) -> None:
    model, _ = world.on("chat", always=good("chat"))
    with world.socket() as talk:
        for message, word in {
            "no json": "JSON",
            "[1]": "object",
            '{"type": "response.cancel"}': "response.cancel",
            '{"type": "response.create", "stream_id": 7, "model": "m"}': "stream_id",
            '{"type": "response.create", "input": "x"}': "model",
            '{"type": "response.create", "model": "nobody/x", "input": "x"}': "nobody/x",
            json.dumps({"type": "response.create", "model": model, "input": 7}): "input",
        }.items():
            talk.connection.send(message)
            error = talk.event()
            assert error["type"] == "error" and error["status"] in (400, 404)
            assert word in error["error"]["message"]
        talk.connection.send('{"type": "response.processed", "response_id": "resp_1"}')
        assert GOOD in text_of(talk.ask(model))


def test_an_answer_that_breaks_off_ends_with_a_failure(world: World) -> None:
    pieces = [*CHAT.opening(Answer()), CHAT.text(PARTIAL)]
    model, _ = world.on("chat", chunked(*pieces, CUT))
    other, _ = world.on("chat", good("chat"))
    with world.socket() as talk:
        events = talk.ask(model)
        assert PARTIAL in text_of(events)
        assert events[-1]["type"] == "response.failed"
        assert GOOD in text_of(talk.ask(other))


def test_an_error_of_the_provider_in_the_midst_of_its_answer(world: World) -> None:
    """In a stream over HTTP it has no status, and its members in itself."""
    events = Responses().events(Answer(text=PARTIAL))
    error = {"type": "error", "code": "rate_limit_exceeded", "message": "enough", "param": None}
    last = f"event: error\ndata: {json.dumps(error)}\n\n".encode()
    model, _ = world.on("resp", chunked(*events[:-2], last))
    with world.socket() as talk:
        told = talk.ask(model)[-1]
    assert told["type"] == "response.failed"
    assert "enough" in told["response"]["error"]["message"]


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


def test_the_official_sdk(world: World) -> None:
    model, plan = world.on("anth", always=good("anth"))
    with (
        openai.OpenAI(base_url=f"{world.router.url}/v1", api_key=CLIENT_KEY) as client,
        client.responses.connect() as connection,
    ):
        before: dict[str, Any] = {}
        for _ in range(2):
            connection.response.create(model=model, input="hello", store=False, **before)
            for event in connection:
                if event.type == "response.completed":
                    before = {"previous_response_id": event.response.id}
                    assert GOOD in event.response.output_text
                    break
        connection.response.create(model="nobody/x", input="hello")
        error = connection.recv()
        assert error.type == "error" and error.status == 404
        assert "nobody/x" in error.error.message
    assert len(said_in(plan)) == 3


async def test_the_official_sdk_asynchronously(world: World) -> None:
    model, _ = world.on("chat", good("chat"))
    async with (
        openai.AsyncOpenAI(base_url=f"{world.router.url}/v1", api_key=CLIENT_KEY) as client,
        client.responses.connect() as connection,
        asyncio.timeout(PATIENCE),
    ):
        await connection.response.create(model=model, input="hello")
        async for event in connection:
            if event.type == "response.completed":
                assert GOOD in event.response.output_text
                break


def test_what_is_no_handshake_is_told_to_use_http(world: World) -> None:
    for path, headers in {
        "/v1/messages": {},
        "/v1/realtime": {},
        "/v1/responses/compact": {},
        "/v1/responses": {"sec-websocket-version": "8"},
        "/responses": {"sec-websocket-key": ""},
        "/codex/responses": {"connection": "keep-alive"},
    }.items():
        answer = httpx2.get(f"{world.router.url}{path}", headers={**UPGRADE, **headers})
        assert answer.status_code == 426, path
        assert "HTTP POST" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        ("https://evil.example", False),
        ("null", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8787", True),
    ],
)
def test_pages_of_other_sites_cannot_call(world: World, origin: str, admitted: bool) -> None:
    """Browsers let them open WebSockets to this machine, where no key is asked for."""
    if admitted:
        world.socket(origin=origin).connection.close()
        return
    with pytest.raises(InvalidStatus) as refused:
        world.socket(origin=origin)
    assert refused.value.response.status_code == 403


def by_proxy(world: World, host: str) -> Talk:
    return Talk(
        f"wss://{host}/v1/responses",
        additional_headers={"authorization": "Bearer sk-clients-own"},
        proxy=world.router.url,
        ssl=trusting(world.router.ca),
    )


def test_an_intercepted_host_is_answered_for(world: World) -> None:
    plan = world.upstream.on("home", good("resp"), path="/v1/responses")
    with by_proxy(world, "native.example") as talk:
        assert GOOD in text_of(talk.ask("gpt-5"))
    assert plan.requests[0].key == KEY
    assert "sk-clients-own" not in str(plan.requests[0].headers)


def test_a_host_with_passthrough_goes_on_over_http(world: World) -> None:
    with pytest.raises(InvalidStatus) as refused:
        by_proxy(world, "mixed.example")
    assert refused.value.response.status_code == 426


def test_each_request_is_a_flow_of_its_own_without_secrets(
    upstream: Upstream, start_router: Callable[..., Router], tmp_path: Path
) -> None:
    dump = tmp_path / "flows"
    providers = [
        {"name": name, "base-url": f"{upstream.url}/v1", "api-key": f"{KEY}-{name}"}
        for name in ("bad", "good")
    ]
    config = {
        "providers": providers,
        "combos": {"stack": ["bad/m1", "good/m2"]},
        "clients": {"api-keys": [CLIENT_KEY]},
    }
    router = start_router(config, "-w", str(dump))
    upstream.on("m1", always=refusing(CHAT, 500))
    plan = upstream.on("m2", good("chat"), chunked(*CHAT.events(Answer()), HANG))
    world = World(upstream, router)
    with pytest.raises(InvalidStatus) as refused:
        world.socket(authorization="Bearer sk-nobodys")
    assert refused.value.response.status_code == 401
    talk = world.socket()
    warm = talk.ask("stack", "one", generate=False, store=False)[-1]["response"]["id"]
    before = talk.ask("stack", "two", previous_response_id=warm, store=False)[-1]["response"]["id"]
    talk.ask("stack", "three", previous_response_id=before)
    # It leaves while the provider has not closed the answer that it saw complete.
    talk.connection.close()
    plan.requests[-1].gone.wait()
    router.stop()

    with dump.open("rb") as saved:
        flows = [flow for flow in FlowReader(saved).stream() if isinstance(flow, HTTPFlow)]
    calls = [flow for flow in flows if flow.request.path == "/v1/responses"]
    assert [
        (flow.request.method, flow.response and flow.response.status_code) for flow in calls
    ] == [
        ("GET", 401),
        ("GET", 101),
        ("POST", 200),
        ("POST", 200),
        ("POST", 200),
    ]
    comments = [flow.comment for flow in calls]
    assert "a flow of its own" in comments[1] and "warm-up" in comments[2]
    assert all("bad 500 -> good ok, 2 attempts" in comment for comment in comments[3:4])
    assert comments[4].startswith("stack: ") and "good ok" in comments[4]
    assert not any(flow.error for flow in calls)
    attempts = [flow for flow in flows if flow.request.path.endswith("/chat/completions")]
    assert len(attempts) >= 3
    answer = calls[3].response
    assert answer and GOOD in (answer.get_text() or "")
    content = dump.read_bytes()
    assert KEY.encode() not in content and CLIENT_KEY.encode() not in content
