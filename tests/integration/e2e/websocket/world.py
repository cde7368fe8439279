"""A provider of each format behind the router, and a client's side of its WebSocket."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import fresh_model
from tests.integration.sdks.upstreams.responses import Responses
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import Reaction
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
        self.connection: ClientConnection = connect(
            url, open_timeout=PATIENCE, **options
        ).__enter__()

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
