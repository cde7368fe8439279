"""What passes between a client and its own provider stays as it was, in any coding and size."""

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.integration.e2e.intercept.world import CLAUDE
from tests.integration.e2e.intercept.world import CODEX
from tests.integration.e2e.intercept.world import COPILOT
from tests.integration.e2e.intercept.world import KEY
from tests.integration.e2e.intercept.world import OTHER
from tests.integration.e2e.intercept.world import OUT
from tests.integration.e2e.intercept.world import World
from tests.integration.e2e.intercept.world import at
from tests.integration.e2e.intercept.world import numbers
from tests.integration.e2e.intercept.world import post
from tests.integration.e2e.intercept.world import question
from tests.integration.e2e.intercept.world import raw_exchange
from tests.integration.e2e.intercept.world import raw_request
from tests.integration.e2e.intercept.world import route
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Answer
from tests.support.answers import refusing
from tests.support.answers import saying
from tests.support.reading import read_stream
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.signals import PATIENCE
from tests.support.signals import Signal
from tests.support.steps import CUT
from tests.support.steps import Head
from tests.support.steps import Wait
from tests.support.steps import chunked
from tests.support.steps import whole
from tests.support.tls import server_context


def _gzipped(pieces: list[bytes]) -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out, packer.flush()]


def test_compressed_answers_stay_compressed(world: World, token: str) -> None:
    """And begin when there is output, not before."""
    pieces = _gzipped(ANTHROPIC.events(Answer()))
    gate = Signal()
    encoding = (("content-encoding", "gzip"),)
    world.home.on(None, chunked(*pieces[:4], Wait(gate), *pieces[4:], headers=encoding))
    with (
        world.client(token) as client,
        client.stream(
            "POST",
            at(CLAUDE, "/v1/messages"),
            json=question(stream=True),
            headers={"accept-encoding": "gzip"},
        ) as answer,
    ):
        assert answer.headers["content-encoding"] == "gzip"
        raw = answer.iter_raw()
        got = next(raw)
        gate.set()
        got += b"".join(raw)
    assert got == b"".join(pieces)
    assert read_stream("anthropic", gzip.decompress(got)).text == Answer().text


def test_a_compressed_failure_is_seen_as_one(world: World, token: str) -> None:
    body = gzip.compress(OUT["529"][1])  # type: ignore[arg-type]
    fields = (("content-type", "application/json"), ("content-encoding", "gzip"))
    world.home.on(None, (Head(529, fields), body))
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    assert route(post(world, token, stream=True)) == ("glm", "2")


def test_a_stream_that_breaks_off_is_ended_in_its_own_words(world: World, token: str) -> None:
    events = ANTHROPIC.events(Answer())
    world.home.on(None, chunked(*events[:4], events[4][:-5], CUT))
    answer = post(world, token, stream=True)
    assert answer.content.startswith(b"".join(events[:4]))
    assert events[4][:-5] not in answer.content
    assert b"event: error" in answer.content


def test_keepalives_and_odd_framing_are_left_alone(world: World, token: str) -> None:
    events = [event.replace(b"\n", b"\r\n") for event in ANTHROPIC.events(Answer())]
    pieces = [b": hello\r\n\r\n", *events[:3], b": still here\r\nid: 7\r\n\r\n", *events[3:]]
    world.home.on(None, chunked(*pieces))
    assert post(world, token, stream=True).content == b"".join(pieces)


def test_a_compressed_request_is_sent_as_it_came(world: World, token: str) -> None:
    """Codex with a ChatGPT login packs its requests; others are asked without that."""
    body = {"model": "gpt-6.1", "stream": True, "store": False, "input": "Well?"}
    packed = zstandard.ZstdCompressor().compress(json.dumps(body).encode())
    refused = {"error": {"type": "usage_limit_reached", "message": "The usage limit has been "
               "reached", "plan_type": "plus", "resets_in_seconds": 7200}}  # fmt: skip
    home = world.home.on(None, whole(json.dumps(refused).encode(), 429))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    headers = {
        "content-encoding": "zstd",
        "content-type": "application/json",
        "chatgpt-account-id": f"acc-{token}",
        "cookie": "__cf_bm=1",
    }
    with world.client(token) as client:
        url = at(CODEX, "/backend-api/codex/responses")
        answer = client.post(url, content=packed, headers=headers)
    assert GOOD in answer.text and "response.completed" in answer.text
    (request,) = home.requests
    assert request.body == packed
    assert {name: request.header(name) for name in headers} == headers
    assert other.requests[0].json["model"] == "glm-4.7"
    assert not {"chatgpt-account-id", "cookie"} & other.requests[0].header_names()
    assert token not in str(other.requests[0].headers)


def test_what_asks_no_model_passes_through_piece_by_piece(world: World, token: str) -> None:
    gate = Signal()
    plan = world.home.on(
        None,
        chunked(b"one", Wait(gate), b"two", content_type="text/plain"),
        path="/api/claude_cli/bootstrap",
    )
    with (
        world.client(token) as client,
        client.stream("GET", at(CLAUDE, "/api/claude_cli/bootstrap")) as answer,
    ):
        raw = answer.iter_raw()
        assert next(raw) == b"one"
        gate.set()
        assert b"".join(raw) == b"two"
    assert not [name for name in answer.headers if name.startswith("x-switchyard")]
    assert plan.requests[0].key == token


def test_http2_clients(world: World, token: str) -> None:
    events = ANTHROPIC.events(Answer())
    home = world.home.on(None, chunked(*events), OUT["529"])
    world.other.on("glm-4.7", saying(CHAT, OTHER))
    with world.client(token, http2=True) as client:
        url = at(CLAUDE, "/v1/messages")
        beta = {"anthropic-beta": "context-management-2025-06-27,oauth-2025-04-20"}
        own = client.post(url, json=question(stream=True), headers=beta)
        assert own.http_version == "HTTP/2"
        assert own.content == b"".join(events)
        assert home.requests[0].header("anthropic-beta") == beta["anthropic-beta"]
        assert route(client.post(url, json=question(stream=True))) == ("glm", "2")


def picture(size: int) -> dict[str, Any]:
    data = "iVBORw0K" + "A" * size
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return {"type": "image", "source": source}


@pytest.mark.parametrize("http2", [False, True])
def test_twenty_megabytes(world: World, token: str, http2: bool) -> None:
    said = question(messages=[{"role": "user", "content": [picture(20_000_000)]}])
    home = world.home.on(None, OUT["529"], saying(ANTHROPIC))
    other = world.other.on("glm-4.7", saying(CHAT, OTHER))
    body = json.dumps(said).encode()
    with world.client(token, http2=http2) as client:
        url, headers = at(CLAUDE, "/v1/messages"), {"content-type": "application/json"}
        answer = client.post(url, content=body, headers=headers)
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert route(answer) == ("glm", "2")
    assert home.requests[0].body == body
    assert len(other.requests[0].body) > 20_000_000


def test_megabytes_by_http2_on_both_sides(world: World, token: str) -> None:
    """Sent as the other end's windows permit, to a provider that fails and to the client's own."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4_000_000}}
    said = question("gpt-5", messages=[{"role": "user", "content": [image]}])
    world.other.on("glm-4.7", refusing(CHAT, 503))
    own = world.copilot.on(None, saying(CHAT), path="/chat/completions")
    body = json.dumps(said).encode()
    with world.client(token, http2=True) as client:
        url, headers = at(COPILOT, "/chat/completions"), {"content-type": "application/json"}
        answer = client.post(url, content=body, headers=headers)
    assert answer.http_version == own.requests[0].http_version == "HTTP/2"
    assert route(answer) == (f"passthrough:{COPILOT}", "2")
    assert own.requests[0].body == body


def test_bytes_arrive_as_they_were_sent(world: World, token: str, upstream_ca: Path) -> None:
    """Names of headers in their spelling, all in their order; what is the proxy's is gone."""
    seen: list[bytes] = []
    body = b'{ "model":"claude-x" , "max_tokens": 5,\n "messages":[], "zz": 1.0e2}'
    head = [
        "POST /v1/messages?beta=true&x=%2F HTTP/1.1",
        f"Host: {CLAUDE}",
        "X-Stainless-Lang: js",
        f"Authorization: Bearer {token}",
        "anthropic-beta: a",
        "Anthropic-Version: 2023-06-01",
        "anthropic-beta: b",
        f"Content-Length: {len(body)}",
        "Accept-Encoding: br, zstd",
        "User-Agent: claude-cli/2",
        "Cookie: a=b",
    ]
    of_the_way = ["Connection: keep-alive, X-Hop", "X-Hop: 1", "Proxy-Connection: keep-alive"]
    answer = ANTHROPIC.whole(Answer())
    listener = socket.create_server(("127.0.0.1", 0))
    context = server_context("http/1.1", names=[CLAUDE])

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as tls:
            got = b""
            while not got.endswith(body):
                got += tls.recv(65536)
            seen.append(got)
            said = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer)
            tls.sendall(said + answer)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    directory = world.router.directory / f"bytes-{next(numbers)}"
    directory.mkdir()
    router = Router(
        directory,
        {
            "providers": [{"name": "glm", "base-url": f"{world.other.url}/v1", "api-key": KEY}],
            "intercept": {CLAUDE: ["passthrough", "glm/x"]},
        },
        *("-s", str(ROOT / "tests" / "support" / "elsewhere.py")),
        env={"TEST_HOSTS": json.dumps({CLAUDE: listener.getsockname()[1]})},
        trust=upstream_ca,
    )
    with router:
        sent = "\r\n".join([*head[:3], *of_the_way, *head[3:], "", ""]).encode() + body
        reply = raw_exchange(router, CLAUDE, sent)
    server.join(PATIENCE)
    listener.close()
    assert reply == (200, answer)
    assert seen == ["\r\n".join([*head, "", ""]).encode() + body]


def test_expect_continue(world: World, token: str) -> None:
    body = json.dumps(question()).encode()
    home = world.home.on(None, saying(ANTHROPIC))
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Expect": "100-continue",
    }
    status, _ = raw_request(world, CLAUDE, "/v1/messages", headers, body)
    assert status == 200
    assert home.requests[0].body == body
    assert "expect" not in home.requests[0].header_names()


def test_uploads_pass_through_piece_by_piece(world: World, token: str) -> None:
    """A server may look at the beginning of one before its end is sent."""
    plan = world.home.on(None, whole(b"{}"), path="/v1/files")
    sent = [b"a" * 1000, b"b" * 1000]
    with world.client(token) as client:
        answer = client.post(at(CLAUDE, "/v1/files"), content=iter(sent))
    assert answer.status_code == 200
    assert plan.requests[0].body == b"".join(sent)


def test_after_signs_of_life_a_compressed_answer_is_unpacked(
    own_world: Callable[..., World], token: str
) -> None:
    """The head that went out with them says nothing of a content encoding."""
    it = own_world(
        {
            "intercept": {CLAUDE: ["glm/glm-4.7", "passthrough"]},
            "heartbeat": {"after": "50ms", "every": "50ms"},
        }
    )
    alive = Signal()
    it.other.on("glm-4.7", (Wait(alive), CUT))
    packed = _gzipped(ANTHROPIC.events(Answer()))
    it.home.on(None, chunked(*packed, headers=(("content-encoding", "gzip"),)))
    with (
        it.router,
        it.client(token) as client,
        client.stream(
            "POST",
            at(CLAUDE, "/v1/messages"),
            json=question(stream=True),
            headers={"accept-encoding": "gzip"},
        ) as answer,
    ):
        raw = answer.iter_raw()
        got = next(raw)
        alive.set()
        got += b"".join(raw)
        assert "content-encoding" not in answer.headers
    assert read_stream("anthropic", got).text == Answer().text
