"""Long streams of the same kind of chunk, which pass from wire to wire."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.router import Router
from tests.support.tls import server_context
from tests.support.tls import write_ca

ID = "chatcmpl-of-this-whole-stream"
WORDS = [f"word {number} " for number in range(200)]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    said = {"id": ID, "object": "chat.completion.chunk", "created": 1, "model": "m"}
    data = b"data: %b\n\n" % json.dumps({**said, "choices": [choice]}).encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


TOKENS = [event({"role": "assistant"}), *(event({"content": word}) for word in WORDS)]


@contextlib.asynccontextmanager
async def upstream(pieces: list[bytes], whole: bool, tls: bool) -> AsyncIterator[str]:
    """One that sends `pieces`, each once the loop had a turn, and the end of the stream if that is
    to be whole; by TLS each is a record."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(line for line in lines if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                for piece in (HEAD, *pieces):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if not whole:
                    break
                done = b"data: [DONE]\n\n"
                writer.write(event({}, "stop") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))
        writer.close()

    server = await asyncio.start_server(
        serve, "127.0.0.1", 0, ssl=server_context() if tls else None
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"https://localhost:{port}/v1" if tls else f"http://127.0.0.1:{port}/v1"


async def streamed(
    folder: Path, pieces: list[bytes], whole: bool, path: str, tls: bool = False
) -> list[str]:
    """The payloads that a client gets."""
    async with upstream(pieces, whole, tls) as url:
        provider = {"name": "p", "format": "openai-chat", "base-url": url, "api-key": "k"}
        router = Router(folder, {"providers": [provider]}, trust=write_ca(folder / "ca.pem"))
        await asyncio.to_thread(router.start)
        try:
            async with httpx2.AsyncClient(timeout=60) as client:
                body = {"model": "p/m", "stream": True, "max_tokens": 9}
                body["messages"] = [{"role": "user", "content": "Go on."}]
                answers = [await client.post(f"{router.url}{path}", json=body) for _ in range(2)]
        finally:
            await asyncio.to_thread(router.stop)
    first, second = (answer.text for answer in answers)
    assert first == second
    return [line[6:] for line in first.splitlines() if line.startswith("data: ")]


STREAM = b"".join(TOKENS)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(TOKENS, id="a token a packet"),
        pytest.param([STREAM[at : at + 333] for at in range(0, len(STREAM), 333)], id="cut"),
    ],
)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_every_word_comes(tmp_path: Path, pieces: list[bytes], tls: bool) -> None:
    *chunks, last = await streamed(tmp_path, pieces, True, "/v1/chat/completions", tls)
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert [delta["content"] for delta in deltas if delta.get("content")] == WORDS
    assert last == "[DONE]"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_every_word_comes_translated(tmp_path: Path, tls: bool) -> None:
    payloads = await streamed(tmp_path, TOKENS, True, "/v1/messages", tls)
    events = [json.loads(data) for data in payloads]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta["text"] for delta in deltas] == WORDS
    assert events[-1] == {"type": "message_stop"}


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_one_that_breaks_off_is_told(tmp_path: Path, tls: bool) -> None:
    pieces = [*TOKENS, event({"content": "never"})[:40]]
    *chunks, error, last = await streamed(tmp_path, pieces, False, "/v1/chat/completions", tls)
    said = "".join(json.loads(chunk)["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == "".join(WORDS)
    assert json.loads(error)["error"] and last == "[DONE]"
