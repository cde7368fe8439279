"""An upstream on 127.0.0.1 that plays scripts and records what it was asked.

    upstream.on("model-a", whole(b"{}"))          # the first request for model-a
    upstream.on("model-b", always=chunked(...))   # every request for model-b

All upstreams of a test run share one event loop in a thread of its own, so that synchronous
clients and asynchronous ones can be tested alike.
"""

import asyncio
import functools
import json
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Self

from tests.support.connection import Connection
from tests.support.playing import Player
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import Behaviour
from tests.support.steps import Do
from tests.support.steps import Reaction
from tests.support.steps import whole


@dataclass(slots=True, eq=False, kw_only=True)
class Recorded:
    """One request as it arrived, and what became of it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    """Names in lower case, in their order."""
    body: bytes
    http_version: str
    connection: int
    """Number of the connection it came on, from 1."""
    model: str
    """Empty where neither body nor path names one."""
    arrived: float
    """On the clock of `time.monotonic`."""
    answered: Signal = field(default_factory=Signal)
    """The behaviour was played to its end."""
    gone: Signal = field(default_factory=Signal)
    """The client hung up or cancelled before that."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def streams(self) -> bool:
        """Whether the body asks for a stream."""
        return self.json.get("stream") is True

    @property
    def key(self) -> str | None:
        """The credential, from whichever header carries it."""
        bearer = self.header("authorization")
        if bearer is not None:
            return bearer.removeprefix("Bearer ")
        return self.header("x-api-key") or self.header("x-goog-api-key")

    def header(self, name: str) -> str | None:
        return next((value for n, value in self.headers if n == name), None)

    def header_names(self) -> set[str]:
        return {name for name, _ in self.headers}


@dataclass(slots=True, eq=False, kw_only=True)
class Plan:
    """What the requests that fit are answered with, one reaction each; then `always`."""

    key: str | None
    path: str | None
    queue: deque[Reaction]
    always: Reaction | None
    requests: list[Recorded] = field(default_factory=list)
    """Those it answered."""
    arrived: Signal = field(default_factory=Signal)
    """The first request came."""

    def fits(self, request: Recorded) -> bool:
        return (
            (self.key is None or self.key == request.key)
            and (self.path is None or self.path == request.path)
            and bool(self.queue or self.always)
        )

    def take(self, request: Recorded) -> Behaviour:
        reaction = self.queue.popleft() if self.queue else self.always
        self.requests.append(request)
        self.arrived.set()
        assert reaction is not None
        return reaction(request) if callable(reaction) else reaction


class Upstream:
    """A server on a free port, running between `start` and `stop` (or as a context manager)."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        on_accept: Do | None = None,
        socket: Path | None = None,
        listening: socket.socket | None = None,
    ) -> None:
        """`tls` decides by its ALPN protocols whether HTTP/2 is spoken; `on_accept` is what
        befalls every connection before a byte was read; `socket` is a Unix socket to listen on,
        and `listening` one that listens already."""
        self._socket = socket
        self.on_accept = on_accept
        self.requests: list[Recorded] = []
        self.unscripted: list[Recorded] = []
        """Requests that no plan was made for: a test that has them is wrong."""
        self.connections = 0
        """How many were opened so far."""
        self.port = 0
        self._tls = tls
        self._plans: dict[str | None, list[Plan]] = {}
        self._open: dict[Connection, int] = {}
        self._server: asyncio.Server | None = None
        self._listening = listening

    @property
    def scheme(self) -> str:
        return "https" if self._tls else "http"

    @property
    def url(self) -> str:
        """Scheme, host and port; of TLS upstreams by name, since clients send no SNI for an
        address."""
        return f"{self.scheme}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def on(
        self,
        model: str | None = None,
        *reactions: Reaction,
        always: Reaction | None = None,
        key: str | None = None,
        path: str | None = None,
    ) -> Plan:
        """Plan the answers to requests that fit; None fits any. Earlier plans come first, those
        for any model last."""
        plan = Plan(key=key, path=path, queue=deque(reactions), always=always)
        self._plans.setdefault(model, []).append(plan)
        return plan

    def forget(self) -> None:
        """No plan stands any more."""
        self._plans.clear()

    async def answer(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        http_version: str,
        player: Player,
    ) -> None:
        """Records a request and plays what is planned for it."""
        request = Recorded(
            method=method,
            target=target,
            headers=headers,
            body=body,
            model=_model(body) or _named(target),
            http_version=http_version,
            connection=self._open.get(connection, 0),
            arrived=time.monotonic(),
        )
        self.requests.append(request)
        finished = await player.play(self._behaviour(request))
        (request.answered if finished else request.gone).set()

    def _behaviour(self, request: Recorded) -> Behaviour:
        for plan in (*self._plans.get(request.model, ()), *self._plans.get(None, ())):
            if plan.fits(request):
                try:
                    return plan.take(request)
                except Exception as e:  # a reaction did not expect such a request
                    said = repr(e)
                    break
        else:
            said = "UNSCRIPTED"
        self.unscripted.append(request)
        said = json.dumps({"error": {"message": said, "type": "server_error"}})
        return whole(said.encode(), 501)

    def opened(self, connection: Connection) -> None:
        self.connections += 1
        self._open[connection] = self.connections

    def closed(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def start(self) -> Self:
        async def listen() -> None:
            loop = asyncio.get_running_loop()
            if self._socket is not None:
                self._server = await loop.create_unix_server(lambda: Connection(self), self._socket)
                return
            listening = self._listening or socket.create_server(("127.0.0.1", self.port))
            self._server = await loop.create_server(
                lambda: Connection(self), sock=listening, ssl=self._tls, backlog=1024
            )
            self.port = self._server.sockets[0].getsockname()[1]

        on_loop(listen())
        return self

    def stop(self) -> None:
        async def close() -> None:
            if self._server is not None:
                self._server.close()
            for connection in list(self._open):
                connection.close()

        on_loop(close())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class ClosedPort:
    """A port that refuses connections, and that nobody else can get meanwhile."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._socket.close()


def _model(body: bytes) -> str:
    try:
        return json.loads(body)["model"]
    except (ValueError, KeyError, TypeError):
        return ""


def _named(target: str) -> str:
    """The model in the path, where Gemini's API has it."""
    _, models, rest = target.partition("/models/")
    return rest.partition(":")[0] if models else ""


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="upstreams", daemon=True).start()
    return loop


def on_loop[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on the upstreams' loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(PATIENCE)
