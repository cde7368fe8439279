"""Which handshakes of WebSockets are answered, and what becomes of what is said then."""

import json
from typing import Any

import pytest
from mitmproxy import http

from switchyard.exchange.websocket_request import WebsocketRequest
from switchyard.exchange.websocket_session import MOST_KEPT
from switchyard.exchange.websocket_session import WebsocketSession
from switchyard.pipeline.websockets import Websockets
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import Answer
from tests.support.runtime import CLIENT_KEY
from tests.support.runtime import CONFIG
from tests.support.runtime import Pipeline
from tests.support.runtime import addon_of
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

UPGRADE = {
    "upgrade": "websocket",
    "connection": "keep-alive, Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-extensions": "permessage-deflate",
}
LOGIN = {
    "authorization": f"Bearer {CLIENT_KEY}",
    "openai-beta": "responses_websockets=2026-02-06, other=1",
    "session-id": "s1",
}
OFF = CONFIG + "    responses-websocket: false\n"
KEYS = CONFIG + f"    clients: {{api-keys: [{CLIENT_KEY}]}}\n"
INTERCEPT = (
    CONFIG
    + """\
    intercept:
      own.example: [passthrough]
      never.example: [codex/r]
      mixed.example: [passthrough, codex/r]
"""
)


def handshake(
    config: str = CONFIG,
    path: str = "/v1/responses",
    to: tuple[str, int] | None = None,
    headers: dict[str, str] | None = None,
) -> http.HTTPFlow:
    """The flow after its handshake was seen."""
    runtime = make_runtime(config)
    flow = client_flow(runtime, path, headers={**UPGRADE, **LOGIN, **(headers or {})}, to=to)
    addon_of(runtime, Websockets).request(flow)
    return flow


def status(flow: http.HTTPFlow) -> int | None:
    return flow.response.status_code if flow.response else None


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/responses", 101),
        ("/responses", 101),
        ("/codex/responses?x=1", 101),
        ("/v1/responses/", 101),
        ("/v1/responses/compact", 426),
        ("/v1/messages", 426),
        ("/v1/chat/completions", 426),
        ("/v1/realtime", 426),
        ("/", 426),
    ],
)
def test_what_is_spoken_at_our_own_address(path: str, answer: int) -> None:
    assert status(handshake(path=path)) == answer


@pytest.mark.parametrize(
    ("host", "path", "answer"),
    [
        ("never.example", "/v1/responses", 101),
        ("codex.example", "/v1/responses", 101),
        ("mixed.example", "/v1/responses", 426),
        ("own.example", "/v1/responses", None),
        ("never.example", "/v1/messages", 426),
        ("never.example", "/ws/speech", None),
        ("stranger.example", "/v1/responses", None),
    ],
)
def test_what_is_spoken_for_other_hosts(host: str, path: str, answer: int | None) -> None:
    """None passes through to the host itself."""
    assert status(handshake(INTERCEPT, path, (host, 443))) == answer


def test_a_handshake_is_accepted_as_the_rfc_says() -> None:
    """RFC 6455, 1.3, has the key and what has to be made of it."""
    response = handshake().response
    assert response and response.status_code == 101
    assert response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert response.headers["upgrade"] == "websocket"
    assert response.headers["connection"].lower() == "upgrade"
    assert "sec-websocket-extensions" not in response.headers
    assert "content-length" not in response.headers


def test_it_can_be_switched_off() -> None:
    flow = handshake(OFF)
    assert flow.response and flow.response.status_code == 426
    assert flow.response.headers["connection"] == "close"
    assert "HTTP POST" in json.loads(flow.response.content or b"")["error"]["message"]


@pytest.mark.parametrize(
    "bad",
    [
        {"sec-websocket-version": "12"},
        {"sec-websocket-key": ""},
        {"connection": "keep-alive"},
        {"upgrade": "h2c, websocket", "connection": ""},
    ],
)
def test_what_is_no_handshake_is_sent_to_http(bad: dict[str, str]) -> None:
    flow = handshake(headers=bad)
    assert flow.response and flow.response.status_code == 426
    if "sec-websocket-version" in bad:
        assert flow.response.headers["sec-websocket-version"] == "13"


def test_what_is_answered_already_is_left_alone() -> None:
    runtime = make_runtime()
    flow = client_flow(runtime, "/v1/responses", headers={**UPGRADE, **LOGIN})
    flow.response = http.Response.make(401)
    addon_of(runtime, Websockets).request(flow)
    assert status(flow) == 401 and not runtime.sessions


class Socket:
    """A client's connection, with the pipeline behind it."""

    def __init__(self, config: str = CONFIG) -> None:
        self.runtime = make_runtime(config)
        self.pipeline = Pipeline(self.runtime)
        self.shake = client_flow(self.runtime, "/v1/responses?a=b", headers={**UPGRADE, **LOGIN})
        self.sockets = addon_of(self.runtime, Websockets)
        self.sockets.request(self.shake)
        self.session = self.runtime.sessions[self.shake.client_conn.id]

    def say(self, **said: Any) -> list[Any]:
        message = {"type": "response.create", "model": "r", "input": "hi", **said}
        return [json.loads(told) for told in self.session.receive(json.dumps(message))]

    def flow_of(self, turn: WebsocketRequest) -> http.HTTPFlow:
        """As the stream makes it of the turn's request."""
        flow = self.shake.copy()
        flow.client_conn = self.shake.client_conn
        flow.request, flow.response, flow.live = turn.request, None, True
        if not turn.request.host:
            self.runtime.listeners.addressed.add(flow.id)
            turn.request.host = self.shake.request.host
        return flow

    def answered(self, body: bytes = b"".join(Responses().events(Answer())), **said: Any) -> Any:
        """What the provider was sent, and the last message of the answer."""
        assert not self.say(**said)
        turn = self.session.next()
        assert turn is not None
        flow = self.flow_of(turn)
        self.pipeline.begin(flow)
        attempt = self.pipeline.attempt(flow)
        assert attempt.request is not None
        sent = json.loads(attempt.request.content or b"")
        told = self.pipeline.answer(attempt, body)
        assert attempt.receiver is not None
        turn.start(attempt.receiver.head())
        messages = turn.data(told)
        assert turn.over
        messages += turn.end()
        self.pipeline.over(flow, attempt.receiver.head())
        return sent, json.loads(messages[-1])


def test_a_request_is_the_one_that_would_have_been_posted() -> None:
    socket = Socket()
    socket.say(generate=True, stream_id="a")
    turn = socket.session.next()
    assert turn is not None
    request, headers = turn.request, turn.request.headers
    assert (request.method, request.path) == ("POST", "/v1/responses?a=b")
    assert json.loads(request.content or b"") == {"model": "r", "input": "hi", "stream": True}
    assert headers["authorization"] == LOGIN["authorization"] and headers["session-id"] == "s1"
    assert headers["openai-beta"] == "other=1"
    assert headers["content-length"] == str(len(request.content or b""))
    assert headers["content-type"] == "application/json"
    names = {name.lower() for name in headers}
    assert not {"upgrade", "connection"} & names
    assert not any(name.startswith("sec-websocket") for name in names)
    assert (request.host, request.port) == ("", 0), "as a request to a web server"


def test_a_request_for_another_host_is_addressed_to_it() -> None:
    runtime = make_runtime(INTERCEPT)
    flow = client_flow(
        runtime, "/v1/responses", headers={**UPGRADE, **LOGIN}, to=("never.example", 443)
    )
    addon_of(runtime, Websockets).request(flow)
    session = runtime.sessions[flow.client_conn.id]
    session.receive('{"type": "response.create", "model": "x"}')
    turn = session.next()
    assert turn is not None
    request = turn.request
    assert (request.scheme, request.host, request.port) == ("https", "never.example", 443)


def test_the_flow_of_a_request_knows_what_it_is() -> None:
    socket = Socket()
    socket.say()
    turn = socket.session.next()
    assert turn is not None
    flow = socket.flow_of(turn)
    assert socket.runtime.sessions.request_of(flow) is turn
    posted = client_flow(socket.runtime, "/v1/responses", {"model": "r", "input": "x"})
    assert socket.runtime.sessions.request_of(posted) is None


def test_one_request_of_a_lane_at_a_time() -> None:
    socket = Socket()
    for lane in (None, None, "a", "a"):
        socket.say(**({"stream_id": lane} if lane else {}))
    running = [socket.session.next() for _ in range(3)]
    assert [turn and turn.lane for turn in running[:2]] == [None, "a"]
    assert running[2] is None
    first = running[0]
    assert first is not None
    first.start(http.Response.make(429, b"{}", {"content-type": "application/json"}))
    assert len(first.end()) == 1
    following = socket.session.next()
    assert following is not None and following.lane is None


def test_it_is_gone_on_from_what_was_not_stored() -> None:
    socket = Socket()
    _, last = socket.answered(store=False)
    before = last["response"]["id"]
    sent, _ = socket.answered(previous_response_id=before, input="more", store=False)
    assert "previous_response_id" not in sent
    assert [item["type"] for item in sent["input"]] == ["message"] * 3
    # To nobody else it is known, and no longer than the connection lives.
    kept = socket.runtime.state.conversations._kept
    assert not [id for owner, id in kept if b"websocket" not in owner]
    socket.sockets.client_disconnected(socket.shake.client_conn)
    assert not len(socket.runtime.state.conversations) and not socket.runtime.sessions


def test_few_answers_of_a_connection_are_kept() -> None:
    socket = Socket()
    for number in range(MOST_KEPT + 3):
        events = b"".join(Responses().events(Answer()))
        socket.answered(events.replace(b"resp_up1", b"resp_%d" % number), store=False)
    assert [id for _, id in socket.runtime.state.conversations._kept] == [
        f"resp_{number}" for number in range(3, MOST_KEPT + 3)
    ]


@pytest.mark.parametrize("known_elsewhere", ["previous_response_id", "conversation"])
def test_half_a_conversation_is_not_kept(known_elsewhere: str) -> None:
    socket = Socket()
    sent, _ = socket.answered(store=False, **dict[str, Any]({known_elsewhere: "x_1"}))
    assert sent[known_elsewhere] == "x_1"
    assert not len(socket.runtime.state.conversations)


def test_nothing_is_kept_once_the_client_is_gone() -> None:
    socket = Socket()
    socket.say(store=False)
    turn = socket.session.next()
    assert turn is not None
    socket.pipeline.begin(socket.flow_of(turn))
    socket.session.close()
    turn.start(http.Response.make(200, b"", {"content-type": "text/event-stream"}))
    turn.data(b"".join(Responses().events(Answer())))
    turn.end()
    assert not len(socket.runtime.state.conversations)
    assert isinstance(socket.session, WebsocketSession) and socket.session.next() is None
