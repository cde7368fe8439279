"""Clients that hang up as soon as they have their terminal event: they were answered."""

import asyncio
import json
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.e2e.stage import KEY
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import data
from tests.support.http2_client import Http2Client
from tests.support.router import LAUNCHER
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.signals import Signal
from tests.support.signals import wait_until
from tests.support.steps import HANG
from tests.support.steps import Behaviour
from tests.support.steps import Drip
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import until_close
from tests.support.tls import server_context
from tests.support.upstream import Upstream

TEXT = Answer().text
TOKENS = Answer().input, Answer().output
MANY = 20
UNHURRIED = ("-s", str(ROOT / "tests" / "support" / "unhurried.py"))
"""Arguments of a router that gives upstreams a minute to end what is complete."""

MESSAGES = [{"role": "user", "content": "Well?"}]
CALLS: dict[str, tuple[str, dict[str, Any], bytes]] = {
    "openai-chat": ("/v1/chat/completions", {"messages": MESSAGES}, b"data: [DONE]"),
    "openai-responses": ("/v1/responses", {"input": "Well?"}, b'"type":"response.completed"'),
    "anthropic": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 99}, b'"message_stop"'),
    "ollama": ("/api/chat", {"messages": MESSAGES}, b'"done":true'),
    "openai-completions": ("/v1/completions", {"prompt": "Well?"}, b"data: [DONE]"),
    "gemini": (
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        {"contents": [{"parts": [{"text": "Well?"}]}]},
        b'"finishReason"',
    ),
}
"""By the client's format: path, body, and how its terminal event is known."""


def gemini_events() -> list[bytes]:
    """A stream whose usage follows the chunk with the stop reason."""
    said = {"content": {"role": "model", "parts": [{"text": TEXT}]}, "index": 0}
    usage = {"promptTokenCount": TOKENS[0], "candidatesTokenCount": TOKENS[1]}
    return [
        data({"candidates": [said]}),
        data({"candidates": [{"finishReason": "STOP", "index": 0}]}),
        data({"usageMetadata": usage}),
    ]


UPSTREAMS: dict[str, Callable[[], list[bytes]]] = {
    "openai-chat": lambda: CHAT.events(Answer()),
    "anthropic": lambda: ANTHROPIC.events(Answer()),
    "gemini": gemini_events,
}


@pytest.fixture(params=["engine", "mitmdump"])
def launcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "mitmdump":
        monkeypatch.setenv(LAUNCHER, "mitmdump")
    else:
        monkeypatch.delenv(LAUNCHER, raising=False)
    yield request.param


def configuration(upstream: Upstream, log: Path) -> dict[str, Any]:
    roots = {"openai-chat": "/v1", "anthropic": "", "gemini": "/v1beta"}
    return {
        "providers": [
            {
                "name": format,
                "format": format,
                "base-url": upstream.url + root,
                "api-key-entries": [KEY],
            }
            for format, root in roots.items()
        ],
        "retry": {"request-retry": 0},
        "exchange-log": {"dir": str(log)},
    }


def facts_of(log: Path) -> list[dict[str, Any]]:
    return [json.loads((one / "exchange.json").read_bytes()) for one in sorted(log.iterdir())]


def wait_for_records(log: Path, count: int) -> None:
    """Returns once the router has recorded the ends of so many calls."""
    wait_until(lambda: len(list(log.glob("*/exchange.json"))) >= count)


def tokens_of(facts: dict[str, Any]) -> tuple[int, int]:
    assert facts["answered"], facts
    return facts["tokens"]["input"], facts["tokens"]["output"]


class Ending:
    """An upstream's streams whose ends wait for the test, one after another."""

    def __init__(self, *events: bytes, held: int = 0) -> None:
        """`held`: how many of the events come at the end."""
        self._events, self._held = events, held
        self.ends: list[Signal] = []

    def __call__(self, _: object) -> Behaviour:
        self.ends.append(Signal())
        cut = len(self._events) - self._held
        return chunked(*self._events[:cut], Wait(self.ends[-1]), *self._events[cut:])


def read_and_leave(router: Router, format: str, model: str) -> None:
    """A client that closes its connection at the terminal event, and not before."""
    path, body, mark = CALLS[format]
    body = {"model": model, "stream": True, **body}
    url = router.url + path.format(model=model.replace("/", "%2F"))
    with httpx2.Client(timeout=30, trust_env=False) as client:
        with client.stream("POST", url, json=body) as answer:
            assert answer.status_code == 200
            came = b""
            for piece in answer.iter_raw():
                came += piece
                if mark in came.replace(b" ", b"") or mark in came:
                    return
    raise AssertionError(f"no terminal event: {came!r}")


def test_every_terminal_event_is_an_answer(launcher: str, tmp_path: Path) -> None:
    calls = [(client, upstream) for client in CALLS for upstream in UPSTREAMS]
    with Upstream() as upstream:
        with Router(tmp_path, configuration(upstream, tmp_path / "log"), *UNHURRIED) as router:
            for client, format in calls:
                events = UPSTREAMS[format]()
                ending = Ending(*events, held=1 if client == format == "gemini" else 0)
                # Gemini's streams have no terminal event: other clients' comes with the end.
                at_once = format == "gemini" and client != "gemini"
                upstream.on(f"from-{client}", chunked(*events) if at_once else ending)
                read_and_leave(router, client, f"{format}/from-{client}")
                for end in ending.ends:
                    end.set()
            # Usage that follows the terminal event is read only while the router runs.
            wait_for_records(tmp_path / "log", len(calls))
        connections = upstream.connections
    facts = facts_of(tmp_path / "log")
    assert [one["route"] for one in facts] == [[f"{format} ok"] for _, format in calls]
    assert {tokens_of(one) for one in facts} == {TOKENS}
    if launcher == "engine":
        assert connections == 1


@pytest.mark.parametrize("format", ["openai-chat", "anthropic"])
def test_openai_sdk_needs_one_connection_for_many_calls(
    launcher: str, format: str, tmp_path: Path
) -> None:
    with Upstream() as upstream:
        upstream.on("m", always=(ending := Ending(*UPSTREAMS[format]())))
        with Router(tmp_path, configuration(upstream, tmp_path / "log"), *UNHURRIED) as router:
            with openai.OpenAI(base_url=f"{router.url}/v1", api_key="k", max_retries=0) as client:
                for number in range(MANY):
                    stream = client.chat.completions.create(
                        model=f"{format}/m", messages=[{"role": "user", "content": "?"}],
                        stream=True,
                    )  # fmt: skip
                    words = [each.choices[0].delta.content for each in stream if each.choices]
                    assert "".join(word or "" for word in words) == TEXT
                    ending.ends[number].set()
        connections = upstream.connections
    facts = facts_of(tmp_path / "log")
    assert [tokens_of(one) for one in facts] == [TOKENS] * MANY
    if launcher == "engine":
        assert connections == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        chunked(*CHAT.events(Answer()), HANG),
        chunked(*CHAT.events(Answer()), Drip((b": more\n\n",) * 9, 0.01, endless=True)),
        chunked(*CHAT.events(Answer()), *(b": more\n\n" * 4096,) * 9, HANG),
        until_close(*CHAT.events(Answer()), HANG),
    ],
    ids=["silent", "dripping", "loud", "until close"],
)
def test_an_end_that_never_comes_is_not_awaited_for_long(
    launcher: str, behaviour: Behaviour, tmp_path: Path
) -> None:
    with Upstream() as upstream:
        plan = upstream.on("m", always=behaviour)
        with Router(tmp_path, configuration(upstream, tmp_path / "log")) as router:
            for _ in range(2):
                read_and_leave(router, "openai-chat", "openai-chat/m")
            for request in plan.requests:
                request.gone.wait()  # the router let go of it
    assert [tokens_of(one) for one in facts_of(tmp_path / "log")] == [TOKENS] * 2


def test_a_client_that_leaves_earlier_is_not_answered(launcher: str, tmp_path: Path) -> None:
    with Upstream() as upstream:
        plan = upstream.on("m", chunked(*CHAT.events(Answer())[:4], HANG))
        with Router(tmp_path, configuration(upstream, tmp_path / "log")) as router:
            url, body = f"{router.url}/v1/chat/completions", {"messages": MESSAGES, "stream": True}
            with httpx2.Client(timeout=30, trust_env=False) as client:
                with client.stream("POST", url, json={"model": "openai-chat/m", **body}) as answer:
                    next(answer.iter_raw())
            plan.requests[0].gone.wait()
    (facts,) = facts_of(tmp_path / "log")
    assert not facts["answered"] and facts["route"] == ["openai-chat unfinished"]


def test_a_whole_answer_needs_no_more_than_its_length(launcher: str, tmp_path: Path) -> None:
    with Upstream() as upstream:
        upstream.on("m", always=chunked(CHAT.whole(Answer()), content_type="application/json"))
        with Router(tmp_path, configuration(upstream, tmp_path / "log")) as router:
            for _ in range(MANY):
                asyncio.run(_read_length_and_reset(router))
        connections = upstream.connections
    assert [tokens_of(one) for one in facts_of(tmp_path / "log")] == [TOKENS] * MANY
    if launcher == "engine":
        assert connections == 1


async def _read_length_and_reset(router: Router) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", router.port)
    body = json.dumps({"model": "openai-chat/m", "messages": MESSAGES}).encode()
    line = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
    writer.write(line + b"content-length: %d\r\n\r\n" % len(body) + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = head.partition("content-length: ")[2].partition("\r\n")[0]
    assert TEXT.encode() in await reader.readexactly(int(length))
    writer.transport.abort()


async def test_http2_clients_reset_their_streams(
    launcher: str, tmp_path: Path, upstream_ca: Path
) -> None:
    """Streams that are given up after their terminal event, and a connection closed right after."""
    with Upstream(tls=server_context("http/1.1")) as upstream:
        upstream.on("m", always=(ending := Ending(*CHAT.events(Answer()))))
        config = configuration(upstream, tmp_path / "log")
        body = {"model": "openai-chat/m", "messages": MESSAGES, "stream": True}
        with Router(tmp_path, config, *UNHURRIED, trust=upstream_ca) as router:
            for _ in range(3):
                async with Http2Client(
                    router.port, "localhost", upstream.port, router.ca
                ) as client:
                    stream = client.post("/v1/chat/completions", body)
                    while b"[DONE]" not in await client.more(stream):
                        pass
                    client.cancel(stream)
                ending.ends[-1].set()
            await asyncio.to_thread(router.stop)
    assert [tokens_of(one) for one in facts_of(tmp_path / "log")] == [TOKENS] * 3
