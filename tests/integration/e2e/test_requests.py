"""Requests as clients really send them: compressed, chunked, large, with headers of all kinds."""

import asyncio
import gzip
import json
import zlib
from typing import Any

import brotli
import httpx2
import pytest
import zstandard

from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import Stage
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import GOOD
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import read_body
from tests.support.signals import PATIENCE

both_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
CODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def question(model: str, text: str = "Well?", **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": text}]
    return {"model": model, "messages": said, "max_tokens": 9, **more}


def encoded(body: dict[str, Any]) -> bytes:
    return httpx2.Request("POST", "http://x", json=body).content


@both_formats
@pytest.mark.parametrize("coding", CODERS)
async def test_compressed_requests(
    stage: Stage, http: httpx2.AsyncClient, dialect: Dialect, coding: str
) -> None:
    model, plan = stage.on(dialect, saying(dialect))
    answer = await http.post(
        CHAT.path,
        content=CODERS[coding](encoded(question(model, "Packed " * 50))),
        headers={"content-type": "application/json", "content-encoding": coding},
    )
    assert GOOD in answer.text
    (request,) = plan.requests
    assert request.header("content-encoding") is None
    assert "Packed Packed" in str(request.json["messages"])
    assert request.header("content-length") == str(len(request.body))


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", b"no gzip at all"), ("zstd", b"\x28\xb5\x2f\xfd"), ("squash", b"{}")],
)
@both_formats
async def test_compression_that_cannot_be_undone(
    stage: Stage, http: httpx2.AsyncClient, dialect: Dialect, coding: str, body: bytes
) -> None:
    answer = await http.post(dialect.path, content=body, headers={"content-encoding": coding})
    assert answer.status_code == 400
    error = read_body(dialect.name, answer.content).error
    assert error and error["type"] == "invalid_request_error"


async def test_chunked_requests(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, plan = stage.on(CHAT, saying(CHAT))
    body = encoded(question(model))

    async def pieces():
        for at in range(0, len(body), 10):
            yield body[at : at + 10]

    answer = await http.post(CHAT.path, content=pieces())
    assert GOOD in answer.text
    (request,) = plan.requests
    assert request.header("transfer-encoding") is None
    assert request.header("content-length") == str(len(request.body))


@both_formats
async def test_large_requests(stage: Stage, http: httpx2.AsyncClient, dialect: Dialect) -> None:
    """As large as a conversation full of images."""
    model, plan = stage.on(dialect, saying(dialect))
    text = "0123456789" * 2_000_000
    answer = await http.post(CHAT.path, json=question(model, text))
    assert GOOD in answer.text
    assert text in plan.requests[0].body.decode()


async def test_headers_of_the_same_format_go_along(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, plan = stage.on(ANTHROPIC, saying(ANTHROPIC))
    sent = {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "context-1m-2025-08-07, thinking-2026",
        "user-agent": "claude-cli/2.1 (external, cli)",
        "x-claude-code-session-id": "abc",
        "x-api-key": CLIENT_KEY,
    }
    await http.post(ANTHROPIC.path + "?beta=true", json=question(model), headers=sent)
    (request,) = plan.requests
    got = dict(request.headers)
    for name in sent.keys() - {"x-api-key"}:
        assert got[name] == sent[name]
    assert got["x-api-key"] == KEY
    assert len([name for name, _ in request.headers if name == "anthropic-version"]) == 1


async def test_headers_of_another_format_stay_behind(
    stage: Stage, http: httpx2.AsyncClient
) -> None:
    model, plan = stage.on(CHAT, saying(CHAT))
    sent = {
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "context-1m-2025-08-07",
        "user-agent": "claude-cli/2.1 (external, cli)",
        "x-api-key": CLIENT_KEY,
        "cookie": "a=b",
        "origin": "http://localhost:3000",
    }
    await http.post(ANTHROPIC.path, json=question(model), headers=sent)
    got = plan.requests[0].header_names()
    assert not got & {"anthropic-version", "anthropic-beta", "x-api-key", "cookie"}
    assert plan.requests[0].header("authorization") == f"Bearer {KEY}"


async def test_headers_of_one_connection_stay_there(stage: Stage, http: httpx2.AsyncClient) -> None:
    """RFC 9110, section 7.6.1."""
    model, plan = stage.on(CHAT, saying(CHAT))
    await http.post(
        CHAT.path,
        json=question(model),
        headers={
            "connection": "keep-alive, x-private",
            "x-private": "1",
            "keep-alive": "timeout=5",
            "te": "trailers",
            "proxy-authorization": f"Basic {CLIENT_KEY}",
            "x-request-id": "2",
        },
    )
    got = plan.requests[0].header_names()
    assert not got & {"x-private", "keep-alive", "te", "proxy-authorization"}
    assert plan.requests[0].header("x-request-id") == "2"


async def test_upstreams_are_asked_not_to_compress(stage: Stage, http: httpx2.AsyncClient) -> None:
    model, plan = stage.on(CHAT, saying(CHAT))
    await http.post(CHAT.path, json=question(model), headers={"accept-encoding": "gzip, br, zstd"})
    assert plan.requests[0].header("accept-encoding") == "identity"


@both_formats
@pytest.mark.parametrize("path", ["", "/"])
async def test_paths_with_and_without_the_version(
    stage: Stage, http: httpx2.AsyncClient, dialect: Dialect, path: str
) -> None:
    """Clients' base URLs come with and without `/v1`."""
    model, _ = stage.on(dialect, always=saying(dialect))
    for version in ("/v1", ""):
        bare = dialect.path.removeprefix("/v1")
        answer = await http.post(f"{version}{bare}{path}", json=question(model))
        assert GOOD in answer.text


async def test_a_mid_conversation_system_message(stage: Stage, http: httpx2.AsyncClient) -> None:
    """Claude Code sends these; some upstreams take them, others are told in another way."""
    body = {
        "messages": [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "system", "content": "Mind your tone."},
            {"role": "user", "content": "Three"},
        ],
        "max_tokens": 9,
    }
    for dialect in (CHAT, ANTHROPIC):
        model, plan = stage.on(dialect, saying(dialect))
        answer = await http.post(ANTHROPIC.path, json={**body, "model": model})
        assert GOOD in answer.text
        assert "Mind your tone." in str(plan.requests[0].json)
        if dialect is CHAT:
            roles = [message["role"] for message in plan.requests[0].json["messages"]]
            assert roles == ["user", "assistant", "system", "user"]


UNREADABLE = {
    "no-host": "host: ",
    "two-hosts": "host: a\r\nhost: b",
    "length-twice": "host: a\r\ncontent-length: 2\r\ncontent-length: 2",
    "length-of-many-digits": "host: a\r\ncontent-length: " + "9" * 5000,
    "length-and-chunks": "host: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked",
    "space-in-a-name": "host: a\r\nx-key : sk-secret-1234567890",
    "no-header": "host: a\r\nsk-secret-1234567890",
    "nul": "host: a\r\nx-key: sk-secret-\0",
}


@pytest.mark.parametrize("head", UNREADABLE)
async def test_heads_that_cannot_be_read(stage: Stage, head: str) -> None:
    """Refused in JSON, without what they held and without words of the router's insides."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.router.port)
    writer.write(f"POST {CHAT.path} HTTP/1.1\r\n{UNREADABLE[head]}\r\n\r\n{{}}".encode())
    said, _, body = (await asyncio.wait_for(reader.read(), PATIENCE)).partition(b"\r\n\r\n")
    writer.close()
    assert said.startswith(b"HTTP/1.1 400 ") and b"mitmproxy" not in said.lower()
    error = read_body("openai-chat", body).error
    assert error is not None and error["type"] == "invalid_request_error"
    for word in ("secret", "option", "sys."):
        assert word not in error["message"]


async def test_a_number_of_many_digits(stage: Stage, http: httpx2.AsyncClient) -> None:
    content = encoded(question("chat/any")).replace(b"9}", b"9" * 5000 + b"}")
    assert len(content) > 5000
    answer = await http.post(CHAT.path, content=content)
    assert answer.status_code == 400 and "sys." not in json.dumps(answer.json())
