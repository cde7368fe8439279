"""The matrix: every behaviour of the catalogue under every kind of request, and how each cell is
played and judged."""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Literal

import httpx2
import trustme

from tests.integration.faults.catalogue import WHY
from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import Site
from tests.support.answers import ANTHROPIC
from tests.support.answers import BAD
from tests.support.answers import CHAT
from tests.support.answers import DIALECTS
from tests.support.answers import GOOD
from tests.support.answers import PARTIAL
from tests.support.answers import Answer
from tests.support.answers import ClientFormat
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import Told
from tests.support.reading import read_body
from tests.support.reading import read_stream
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.steps import Do
from tests.support.tls import server_context
from tests.support.upstream import ClosedPort
from tests.support.upstream import Recorded
from tests.support.upstream import Upstream

DEADLINE = 60.0
"""Seconds a cell may take at most. All timeouts of the failing upstreams are far below."""

UPSTREAM_KEY = "sk-upstream-key-93b1"

_GOOD_NAMES = {"openai-chat": "good-chat", "anthropic": "good-anthropic"}
_CLIENTS: tuple[ClientFormat, ...] = ("openai-chat", "anthropic")
_NORMAL_STOP = {"openai-chat": "stop", "anthropic": "end_turn"}


@dataclass(slots=True, eq=False)
class Cell:
    """One behaviour met by one kind of request."""

    fault: Fault
    client: ClientFormat
    streams: bool
    upstream: Dialect
    others: Literal["good", "none"]
    """Whether a good member comes after the failing one."""
    saw_output: Signal = field(default_factory=Signal)
    http_version: str = ""
    """What the failing upstream was asked in."""

    @property
    def id(self) -> str:
        wish = "stream" if self.streams else "json"
        return f"{self.fault.name}.{self.client}.{wish}.{self.upstream.name}.{self.others}"

    @property
    def model(self) -> str:
        """What the client asks for."""
        return f"combo.{self.id}" if self.others == "good" else f"{self.id}/{self.id}"

    @property
    def expects(self) -> Literal["answer", "error", "broken stream"]:
        match self.fault.sort:
            case "odd":
                return "answer"
            case "request":
                return "error"
            case "after" if self.streams:
                return "broken stream"
        return "answer" if self.others == "good" else "error"


def cells_of(fault: Fault) -> Iterator[Cell]:
    """All kinds of requests a behaviour can meet."""
    wishes = {"stream": [True], "json": [False], None: [True, False]}[fault.only]
    for client in _CLIENTS:
        for streams in wishes:
            for upstream in (CHAT, ANTHROPIC):
                yield Cell(fault, client, streams, upstream, "none")
                if not fault.alone:
                    yield Cell(fault, client, streams, upstream, "good")


class Sites:
    """The servers that failing upstreams' addresses lead to, and the good ones."""

    def __init__(self, cells: dict[str, Cell]) -> None:
        self._cells = cells
        untrusted = server_context(ca=trustme.CA())
        self._servers: dict[Site, Upstream] = {
            "plain": Upstream(),
            "accept-cut": Upstream(on_accept=Do.CUT),
            "accept-reset": Upstream(on_accept=Do.RESET),
            "accept-silent": Upstream(on_accept=Do.HANG),
            "tls-cut": Upstream(on_accept=Do.CUT),
            "tls-silent": Upstream(on_accept=Do.HANG),
            "tls-untrusted": Upstream(tls=untrusted),
            "tls-http1": Upstream(tls=server_context("http/1.1")),
            "tls-http2": Upstream(tls=server_context("h2")),
        }
        self._closed = ClosedPort()
        self.good = Upstream()
        for server in (*self._servers.values(), self.good):
            server.start()
        for server in self._servers.values():
            server.on(always=self._play)
        for dialect in DIALECTS.values():
            self.good.on("good", always=saying(dialect), path=dialect.path)

    def _play(self, request: Recorded):
        cell = self._cells[request.model]
        cell.http_version = request.http_version
        return cell.fault.play(cell.upstream, request, cell.saw_output)

    def url(self, site: Site) -> str:
        match site:
            case "refused":
                return self._closed.url
            case "no-host":
                return "http://nowhere.invalid"
            case "tls-cut" | "tls-silent":
                return f"https://localhost:{self._servers[site].port}"
        return self._servers[site].url

    def stop(self) -> None:
        for server in (*self._servers.values(), self.good):
            server.stop()
        self._closed.close()


def configuration(cells: dict[str, Cell], sites: Sites) -> dict[str, Any]:
    """A provider of its own for each cell, so that no cell sees another's cooldowns."""
    providers: list[dict[str, Any]] = [
        {
            "name": _GOOD_NAMES[dialect.name],
            "format": dialect.name,
            "base-url": sites.good.url,
            "api-key-entries": [UPSTREAM_KEY],
        }
        for dialect in DIALECTS.values()
    ]
    for cell in cells.values():
        provider = {
            "name": cell.id,
            "format": cell.upstream.name,
            "base-url": sites.url(cell.fault.site),
            "api-key-entries": [UPSTREAM_KEY],
        }
        if cell.fault.timeouts:
            provider["timeouts"] = dict(cell.fault.timeouts)
        providers.append(provider)
    combos = {
        cell.model: [f"{cell.id}/{cell.id}", f"{_GOOD_NAMES[cell.upstream.name]}/good"]
        for cell in cells.values()
        if cell.others == "good"
    }
    return {
        "providers": providers,
        "combos": combos,
        "retry": {"request-retry": 0},
        "timeouts": {"connect": "10s", "first-byte": "15s", "first-output": "15s"},
    }


@dataclass(slots=True)
class Seen:
    """An answer as it arrived at the client."""

    status: int
    headers: httpx2.Headers
    body: bytes
    took: float


async def play(cell: Cell, client: httpx2.AsyncClient) -> Seen:
    """Makes the cell's request. Raises TimeoutError or a TransportError where the client would
    hang or see a broken connection."""
    body: dict[str, Any] = {"model": cell.model, "messages": [{"role": "user", "content": "Well?"}]}
    if cell.client == "anthropic":
        body["max_tokens"] = 100
    if cell.streams:
        body["stream"] = True
        if cell.client == "openai-chat":
            body["stream_options"] = {"include_usage": True}
    path = DIALECTS[cell.client].path
    began, got, mark = time.monotonic(), bytearray(), PARTIAL.encode()
    async with (
        asyncio.timeout(DEADLINE),
        client.stream("POST", path, json=body, headers=_headers(cell.client)) as answer,
    ):
        async for piece in answer.aiter_raw():
            got += piece
            # Only in what is new: answers of ten megabytes come in hundreds of pieces.
            if not cell.saw_output and got.find(mark, -len(piece) - len(mark)) >= 0:
                cell.saw_output.set()
    return Seen(answer.status_code, answer.headers, bytes(got), time.monotonic() - began)


def _headers(client: ClientFormat) -> dict[str, str]:
    if client == "anthropic":
        return {"anthropic-version": "2023-06-01", "accept-encoding": "identity"}
    return {"accept-encoding": "identity"}


def judge(cell: Cell, seen: Seen) -> None:
    """Raises AssertionError if the client saw anything but what it should."""
    if cell.fault.site == "tls-http2":
        assert cell.http_version == "HTTP/2", f"the upstream was asked in {cell.http_version}"
    match cell.expects:
        case "answer":
            _judge_answer(cell, seen)
        case "error":
            _judge_error(cell, seen)
        case "broken stream":
            _judge_broken_stream(cell, seen)


def _judge_answer(cell: Cell, seen: Seen) -> None:
    fault = cell.fault
    assert seen.status == 200, f"status {seen.status}: {seen.body[:300]!r}"
    told = _read(cell, seen)
    assert told.error is None, f"error {told.error}"
    is_odd = fault.sort == "odd"
    expected = fault.text if is_odd else Answer().text
    assert told.text == expected, f"text {told.text[:200]!r}"
    assert told.stop == _NORMAL_STOP[cell.client], f"stop {told.stop}"
    if fault.usage or not is_odd:
        usage = (told.input, told.cached, told.output)
        assert usage == (21, 8, 13), f"usage {usage}"
    _assert_absent(seen, BAD, PARTIAL, WHY)
    provider = cell.id if is_odd else _GOOD_NAMES[cell.upstream.name]
    _assert_route(seen, provider, 1 if is_odd else 2)


def _judge_error(cell: Cell, seen: Seen) -> None:
    fault = cell.fault
    assert seen.status in fault.status, f"status {seen.status}, not {fault.status}: {seen.body!r}"
    assert seen.headers["content-type"].startswith("application/json")
    told = read_body(cell.client, seen.body)
    assert told.error is not None, "a good answer"
    if fault.told:
        assert WHY in told.error["message"], f"the reason is not told: {told.error}"
    _assert_absent(seen, BAD, PARTIAL, GOOD, "<html")
    if fault.retry_after is not None:
        said = seen.headers.get("retry-after", "nothing")
        assert said.isdigit() and int(said) in fault.retry_after, f"retry-after: {said}"
    assert seen.headers["x-switchyard-attempts"] == "1", "more than one attempt"


def _judge_broken_stream(cell: Cell, seen: Seen) -> None:
    assert seen.status == 200, f"status {seen.status}: {seen.body[:300]!r}"
    told = _read(cell, seen)
    assert told.error is not None, "the client was not told of the failure"
    assert told.text == f"Half of {PARTIAL}", f"text {told.text!r}"
    ending = ["error", "[DONE]"] if cell.client == "openai-chat" else ["error"]
    assert told.kinds[-len(ending) :] == ending, f"ends with {told.kinds[-2:]}"
    assert Counter(told.kinds)["error"] == 1
    if cell.fault.told:
        assert WHY in told.error["message"], f"the reason is not told: {told.error}"
    _assert_absent(seen, BAD, GOOD)
    _assert_route(seen, cell.id, 1)


def _read(cell: Cell, seen: Seen) -> Told:
    kind = "text/event-stream" if cell.streams else "application/json"
    assert seen.headers["content-type"].startswith(kind), seen.headers["content-type"]
    assert "content-encoding" not in seen.headers
    return (read_stream if cell.streams else read_body)(cell.client, seen.body)


def _assert_absent(seen: Seen, *markers: str) -> None:
    everything = seen.body.decode("utf-8", "replace") + str(seen.headers.multi_items())
    for marker in markers:
        assert marker not in everything, f"{marker} reached the client"


def _assert_route(seen: Seen, provider: str, attempts: int) -> None:
    route = (seen.headers.get("x-switchyard-provider"), seen.headers.get("x-switchyard-attempts"))
    assert route == (provider, str(attempts)), f"route {route}, not {(provider, attempts)}"


async def run(cell: Cell, router: Router, sites: Sites) -> str | None:
    """What is wrong with a cell; None if nothing is."""
    try:
        async with client_for(cell, router, sites) as client:
            judge(cell, await play(cell, client))
    except TimeoutError:
        return f"hangs (more than {DEADLINE:g} s)"
    except httpx2.TransportError as e:
        return f"the connection broke: {type(e).__name__} {e}"
    except (AssertionError, KeyError, ValueError, TypeError) as e:
        return f"{type(e).__name__}: {e}"[:500]
    return None


def client_for(cell: Cell, router: Router, sites: Sites) -> httpx2.AsyncClient:
    """A client with a connection of its own. Those of HTTP/2 upstreams speak it themselves, in
    proxy mode, and share no upstream connection with other cells."""
    options: dict[str, Any] = {"timeout": DEADLINE + 5, "trust_env": False}
    if cell.fault.site == "tls-http2":
        trusted = ssl.create_default_context(cafile=str(router.ca))
        url = sites.url("tls-http2")
        return httpx2.AsyncClient(
            base_url=url, http2=True, proxy=router.url, verify=trusted, **options
        )
    return httpx2.AsyncClient(base_url=router.url, **options)
