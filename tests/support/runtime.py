"""The router's addons without a proxy: a runtime from YAML text, and flows as clients send them.

The network is not there; what an upstream answers is handed to the attempt's receiver, as the
failover stream would do.
"""

import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

from mitmproxy import http
from mitmproxy.test import tflow
from mitmproxy.test import tutils

from switchyard.config.load import parse_config
from switchyard.config.schema import Config
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Exchange
from switchyard.failover.attempt import Attempt
from switchyard.failover.attempt import AttemptFailure
from switchyard.pipeline import build
from switchyard.pipeline.annotation import Annotation
from switchyard.pipeline.credentials import Credentials
from switchyard.pipeline.fallback import Fallback
from switchyard.pipeline.forwarding import Forwarding
from switchyard.pipeline.heartbeat import Heartbeat
from switchyard.pipeline.intake import Intake
from switchyard.pipeline.masking import Masking
from switchyard.pipeline.reading import Reading
from switchyard.pipeline.release import Release
from switchyard.pipeline.routing import Routing
from switchyard.pipeline.sending import Sending
from switchyard.pipeline.translation import Translation
from switchyard.pipeline.usage import UsageCounting
from switchyard.reach import Reach
from switchyard.runtime.runtime import Runtime

HOST, PORT = "127.0.0.1", 8787
FILE = Path("/etc/switchyard/test.yaml")

CONFIG = """
    providers:
      - name: chat
        base-url: https://chat.example/v1
        api-key-entries: [own-chat-key-1, own-chat-key-2]
        models: [m]
      - {name: claude, format: anthropic, base-url: https://claude.example, models: [c],
         api-key: own-claude-key}
      - {name: codex, format: openai-responses, base-url: https://codex.example/v1, models: [r],
         api-key: own-codex-key}
      - {name: google, format: gemini, base-url: https://google.example, models: [g],
         api-key: own-google-key}
      - {name: open, base-url: https://open.example/v1}
    combos:
      stack: [chat/m, claude/c]
"""
OWN_KEYS = ("own-chat-key-1", "own-chat-key-2", "own-claude-key", "own-codex-key", "own-google-key")
CLIENT_KEY = "client-secret-000"

FORMATS = ("openai-chat", "anthropic", "openai-responses", "gemini")
HOME = {"openai-chat": "m", "anthropic": "c", "openai-responses": "r", "gemini": "g"}
"""The model of `CONFIG` whose provider speaks the format."""

_TOLD = (
    Masking,
    Intake,
    Routing,
    Credentials,
    Translation,
    Sending,
    Reading,
    Heartbeat,
    Fallback,
    UsageCounting,
    Annotation,
    Release,
)
"""The addons that a call needs which comes from nowhere and goes nowhere."""


class FakeFailover:
    """What the addons see of the failover stream."""

    def __init__(self) -> None:
        self.routed: list[str] = []

    def route(self, flow: http.HTTPFlow) -> None:
        self.routed.append(flow.id)

    def open_session(self, flow: http.HTTPFlow, session: object) -> None:
        """The handshake's answer is sent elsewhere."""

    def forget(self, flow: http.HTTPFlow) -> None:
        """Nothing is kept that would have to go."""


class FakeRuntime(Runtime):
    """A runtime whose flows are sent nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.failover = FakeFailover()
        self.listeners.ports = frozenset({PORT})

    @property
    def reach(self) -> Reach:
        return Reach(self.snapshots, self.listeners, self.clients)

    def addons(self) -> list[object]:
        """A new pipeline."""
        return build(self, self.failover)

    def put(self, **members: Any) -> None:
        """Puts the snapshot in force with other members."""
        self.snapshots.current = replace(self.snapshot, **members)


def make_runtime(config: str = CONFIG, demo_url: str = "", **env: str) -> FakeRuntime:
    """A runtime with the configuration that is written as YAML."""
    runtime = FakeRuntime()
    runtime.apply(parsed(config, **env), demo_url)
    return runtime


def parsed(config: str, **env: str) -> Config:
    """The configuration that is written as YAML."""
    return parse_config(dedent(config).encode(), FILE, env)


def forwarding(runtime: FakeRuntime, keeps: bool = True) -> Forwarding:
    """The addon, for a router at whose flows somebody looks."""
    return Forwarding(
        runtime.snapshots, runtime.requests, runtime.exchanges, runtime.reach, lambda: keeps
    )


def addon_of[A](runtime: FakeRuntime, kind: type[A]) -> A:
    """A new addon of a kind, wired as in the pipeline."""
    (found,) = (each for each in runtime.addons() if type(each) is kind)
    return found


def client_flow(
    runtime: FakeRuntime,
    path: str,
    body: bytes | str | Mapping[str, Any] | None = None,
    *,
    method: str = "",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    to: tuple[str, int] | None = None,
    scheme: str = "https",
) -> http.HTTPFlow:
    """A live request as it is complete: POST where it has a body.

    It is addressed to the router itself, or, as to a proxy, to the host and port `to`.
    """
    content = body if isinstance(body, bytes) else b""
    if isinstance(body, str):
        content = body.encode()
    elif isinstance(body, Mapping):
        content = json.dumps(body).encode()
    host, port = to or (HOST, PORT)
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    fields = [("host", host), *pairs, ("content-length", str(len(content)))]
    request = tutils.treq(
        host=host,
        port=port,
        method=(method or ("GET" if body is None else "POST")).encode(),
        scheme=(scheme if to else "http").encode(),
        authority=b"",
        path=path.encode("utf-8", "surrogateescape"),
        headers=http.Headers(
            [(k.encode(), v.encode("utf-8", "surrogateescape")) for k, v in fields]
        ),
        content=content,
    )
    flow = tflow.tflow(req=request)
    flow.client_conn.sockname = (HOST, PORT)
    if to is None:
        runtime.listeners.addressed.add(flow.id)
    return flow


def call(format: str, model: str = "", *, stream: bool = False) -> tuple[str, dict[str, Any]]:
    """Path and body of a small call in a format; to a model whose provider speaks it by default."""
    model = model or HOME[format]
    match format:
        case "openai-chat":
            path, body = "/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}
        case "anthropic":
            path = "/v1/messages"
            body = {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
        case "openai-responses":
            path, body = "/v1/responses", {"input": "hi"}
        case "openai-completions":
            path, body = "/v1/completions", {"prompt": "hi"}
        case "ollama":
            path, body = "/api/chat", {"messages": [{"role": "user", "content": "hi"}]}
            return path, {"model": model, **body, "stream": stream}
        case _:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            contents = [{"role": "user", "parts": [{"text": "hi"}]}]
            return f"/v1beta/models/{model}:{method}", {"contents": contents}
    return path, {"model": model, **body, **({"stream": True} if stream else {})}


def call_flow(
    runtime: FakeRuntime,
    format: str = "openai-chat",
    model: str = "",
    *,
    stream: bool = False,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    **more: Any,
) -> http.HTTPFlow:
    """A call of a model, `more` added to its body."""
    path, body = call(format, model, stream=stream)
    return client_flow(runtime, path, {**body, **more}, headers=headers)


class _Nobody:
    """The observer of an attempt that has none."""

    def head(self, response: http.Response) -> None: ...

    def received(self, data: bytes) -> None: ...

    def ended(self) -> None: ...


class Pipeline:
    """The addons in their order, their hooks called by name."""

    def __init__(self, runtime: FakeRuntime) -> None:
        self.runtime = runtime
        self._addons: list[Any] = [each for each in runtime.addons() if type(each) in _TOLD]
        (self.usage,) = (each for each in self._addons if isinstance(each, UsageCounting))

    def begin(self, flow: http.HTTPFlow) -> Exchange:
        """Everything up to the first attempt."""
        self.tell_request(flow)
        exchange = self.runtime.exchanges.get(flow)
        assert exchange is not None and flow.response is None, flow.response
        return exchange

    def tell_request(self, flow: http.HTTPFlow) -> None:
        """The same of a request that may be refused: the flow then has its response."""
        self._tell("requestheaders", flow)
        self._tell("request", flow)

    def attempt(self, flow: http.HTTPFlow, *, hedge: bool = False) -> Attempt:
        """The next attempt, as it would be sent; or a rival of the one that is running."""
        attempt = Attempt(flow=flow, number=1, hedge=hedge)
        self._tell("attempt", attempt)
        return attempt

    def fail(self, attempt: Attempt, failure: AttemptFailure | None = None) -> None:
        attempt.failure = failure or AttemptFailure("connect", "connection refused", "connect")
        self._tell("attempt_ended", attempt)

    def lose(self, attempt: Attempt) -> None:
        """Another attempt was faster."""
        attempt.lost = True
        self._tell("attempt_ended", attempt)

    def answer(
        self,
        attempt: Attempt,
        body: Mapping[str, Any] | bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Lets an upstream answer; returns what the client's stream gets of it."""
        assert attempt.receiver is not None
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/json" if isinstance(body, Mapping) else "text/event-stream"
        head = http.Response.make(status, b"", {"content-type": kind, **(headers or {})})
        observer = attempt.observer or _Nobody()
        observer.head(head)
        attempt.receiver.start(head)
        observer.received(content)
        told = attempt.receiver.data(content)
        observer.ended()
        told += attempt.receiver.end()
        if attempt.receiver.failed and not attempt.receiver.committed:
            self.fail(attempt, AttemptFailure("answer", "the response is an error"))
        return told

    def over(self, flow: http.HTTPFlow, response: http.Response | None = None) -> None:
        """The flow is over: with a response, or, without one, since the client left."""
        if response is None:
            self._tell("error", flow)
        else:
            flow.response = response
            self._tell("response", flow)

    def _tell(self, hook: str, subject: Any) -> None:
        for addon in self._addons:
            if handler := getattr(addon, hook, None):
                handler(subject)


def running(exchange: Exchange) -> AttemptState:
    """The attempt that stands for an exchange, of which there must be one."""
    assert exchange.shown is not None
    return exchange.shown


def reply(text: str = "hello", **more: Any) -> dict[str, Any]:
    """A whole answer of Chat Completions."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m-2026",
            "choices": [choice], "usage": usage, **more}  # fmt: skip


def error_of(response: http.Response | None, format: str, status: int) -> tuple[str, str]:
    """Type and message of an error answer, which must have the format's own shape and `status`."""
    assert response is not None
    assert response.status_code == status, response.content
    assert response.headers["content-type"] == "application/json"
    body = json.loads(response.content or b"")
    error = body["error"]
    match format:
        case "anthropic":
            assert body["type"] == "error"
            return error["type"], error["message"]
        case "gemini":
            assert error["code"] == status
            return error["status"], error["message"]
        case "ollama":
            return "", error
        case _:
            assert {"message", "type", "param", "code"} <= error.keys()
            return error["type"], error["message"]


def shown(response: http.Response | None) -> str:
    """All of a response, to look for what must not be in it."""
    assert response is not None
    return f"{response.headers.fields!r} {response.content!r}"
