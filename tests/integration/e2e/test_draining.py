"""SIGTERM: no new connections, running requests finish, and what is left ends in its format."""

import json
import os
import signal
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Dialect
from tests.support.ports import free_port
from tests.support.reading import read_error
from tests.support.reading import read_stream
from tests.support.router import LAUNCHER
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import HANG
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.upstream import Upstream
from tests.unit.usage.support import whole_rows

type Start = Callable[..., Router]

ANSWER = Answer()
EVENTS = CHAT.events(ANSWER)


def configured(upstream: Upstream, drain: str, **more: object) -> dict[str, Any]:
    base = {"base-url": f"{upstream.url}/v1", "api-key-entries": ["sk-1"]}
    chat = {"name": "chat", "format": "openai-chat", **base}
    anthropic = {"name": "anth", "format": "anthropic", **base}
    return {"providers": [chat, anthropic], "drain": drain, **more}


def question(model: str, stream: bool = True) -> dict[str, Any]:
    message = {"role": "user", "content": "?"}
    return {"model": model, "messages": [message], "max_tokens": 9, "stream": stream}


def begin(port: int, dialect: Dialect, model: str, stream: bool = True) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", dialect.path, json.dumps(question(model, stream)))
    return connection


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def is_closed(connection: HTTPConnection) -> bool:
    return connection.sock is None or connection.sock.recv(1) == b""


@pytest.mark.parametrize("launcher", ["engine", "mitmdump"])
def test_what_runs_finishes_and_what_idles_is_closed(
    start_router: Start, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    monkeypatch.setenv(LAUNCHER, launcher)
    go_on = Signal()
    upstream.on("stream", chunked(*EVENTS[:2], Wait(go_on), *EVENTS[2:]))
    plan = upstream.on("whole", (Wait(go_on), *whole(CHAT.whole(ANSWER))))
    router = start_router(configured(upstream, "60s"))
    idle = HTTPConnection("127.0.0.1", router.port, timeout=PATIENCE)
    idle.request("GET", "/v0/health/ready")
    ready = idle.getresponse()
    assert ready.status == 200 and json.load(ready) == {"status": "ready"}
    streaming = begin(router.port, CHAT, "chat/stream")
    answer = streaming.getresponse()
    first = answer.readline()
    waiting = begin(router.port, CHAT, "chat/whole", stream=False)
    plan.arrived.wait()

    draining = router.will_log("may finish within 60 s")
    os.kill(router.pid, signal.SIGTERM)
    draining.wait()
    assert is_refused(router.port) and is_closed(idle)
    go_on.set()
    told = read_stream("openai-chat", first + answer.read())
    assert told.text == ANSWER.text and not told.error
    last = waiting.getresponse()
    assert last.status == 200 and last.headers["connection"] == "close" and last.read()
    assert router.wait() == 0


def test_what_takes_longer_ends_in_its_format(
    start_router: Start, upstream: Upstream, tmp_path: Path
) -> None:
    begun = {dialect: [*dialect.opening(ANSWER), *dialect.begin_text(), dialect.text("so")]
             for dialect in (CHAT, ANTHROPIC)}  # fmt: skip
    upstream.on("chat", chunked(*begun[CHAT], HANG))
    upstream.on("anth", chunked(*begun[ANTHROPIC], HANG))
    plan = upstream.on("whole", (HANG,))
    folder = tmp_path / "usage"
    router = start_router(configured(upstream, "300ms", usage={"dir": str(folder)}))
    streams = {CHAT: begin(router.port, CHAT, "chat/chat"),
               ANTHROPIC: begin(router.port, ANTHROPIC, "anth/anth")}  # fmt: skip
    answers = {dialect: one.getresponse() for dialect, one in streams.items()}
    firsts = {dialect: answer.readline() for dialect, answer in answers.items()}
    waiting = begin(router.port, ANTHROPIC, "anth/whole", stream=False)
    plan.arrived.wait()

    os.kill(router.pid, signal.SIGTERM)
    for dialect, answer in answers.items():
        told = read_stream(dialect.name, firsts[dialect] + answer.read())
        assert told.text == "so" and told.error and "is stopping" in told.error["message"]
    late = waiting.getresponse()
    error = read_error("anthropic", json.load(late))
    assert late.status == 503 and "is stopping" in error["message"]
    assert router.wait() == 0
    assert "ending 3 connections after 0.3 s (drain)" in router.log
    assert len(whole_rows(folder)) == 3


class Http2Connection:
    """A connection that speaks HTTP/2, and reads frames on after a GOAWAY."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.frames = h2.connection.H2Connection(h2.config.H2Configuration())
        self.frames.initiate_connection()
        self.socket.sendall(self.frames.data_to_send())

    def begin(self, model: str) -> None:
        id = self.frames.get_next_available_stream_id()
        head = {":method": "POST", ":scheme": "https", ":authority": "localhost"}
        self.frames.send_headers(id, [*head.items(), (":path", CHAT.path)])
        self.frames.send_data(id, json.dumps(question(model)).encode(), end_stream=True)
        self.socket.sendall(self.frames.data_to_send())

    def read_until(self, kind: type[h2.events.Event]) -> list[h2.events.Event]:
        """The events up to the first of a kind; all of them, if the connection ends before."""
        found: list[h2.events.Event] = []
        while not any(isinstance(event, kind) for event in found):
            if not (data := self.socket.recv(65536)):
                break
            found += self.frames.receive_data(data)
            self.socket.sendall(self.frames.data_to_send())
        return found


def test_http2_and_websockets_are_told(
    start_router: Start, upstream: Upstream, tmp_path: Path
) -> None:
    go_on, authority = Signal(), trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "router.pem"))
    upstream.on("m", chunked(*EVENTS[:2], Wait(go_on), *EVENTS[2:]))
    tls = {"cert": str(tmp_path / "router.pem")}
    at = free_port()  # only reverse mode offers HTTP/2 by itself
    modes = ("--mode", "regular", "--mode", f"reverse:https://x.example@{at}")
    router = start_router(configured(upstream, "60s", tls=tls), *modes)
    idle, busy = (Http2Connection(at, authority) for _ in range(2))
    idle.read_until(h2.events.SettingsAcknowledged)
    busy.begin("chat/m")
    seen = busy.read_until(h2.events.DataReceived)
    url = f"ws://127.0.0.1:{router.port}/v1/responses"
    with connect(url, proxy=None) as session:
        os.kill(router.pid, signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(PATIENCE)
    assert closed.value.rcvd and closed.value.rcvd.code == 1001
    (left, *_) = idle.read_until(h2.events.ConnectionTerminated)
    assert isinstance(left, h2.events.ConnectionTerminated)
    assert left.error_code == 0 and left.last_stream_id == 2**31 - 1
    go_on.set()
    seen += busy.read_until(h2.events.ConnectionTerminated)
    body = b"".join(one.data for one in seen if isinstance(one, h2.events.DataReceived))
    assert read_stream("openai-chat", body).text == ANSWER.text
    kinds = [type(event) for event in seen]
    assert kinds.index(h2.events.StreamEnded) < kinds.index(h2.events.ConnectionTerminated)
    assert router.wait() == 0


def test_workers_drain_until_a_second_signal(start_router: Start, upstream: Upstream) -> None:
    go_on = Signal()
    upstream.on("good", chunked(*EVENTS[:2], Wait(go_on), *EVENTS[2:]))
    upstream.on("long", chunked(*EVENTS[:3], HANG))
    router = start_router(configured(upstream, "60s"), "--workers", "2")
    good, long = (begin(router.port, CHAT, f"chat/{name}") for name in ("good", "long"))
    answers = [one.getresponse() for one in (good, long)]
    firsts = [answer.readline() for answer in answers]
    draining = router.will_log("may finish within 60 s")
    os.kill(router.pid, signal.SIGTERM)
    draining.wait()
    go_on.set()
    told = read_stream("openai-chat", firsts[0] + answers[0].read())
    assert told.text == ANSWER.text and not told.error
    os.kill(router.pid, signal.SIGTERM)
    cut = read_stream("openai-chat", firsts[1] + answers[1].read())
    assert cut.error and "is stopping" in cut.error["message"]
    assert router.wait() == 0
