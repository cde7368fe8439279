"""Serves OpenAI Chat on loopback and echoes the last user message, word by word.

    python -m switchyard.demo.upstream [--delay SECONDS]

It prints its base URL as one line and serves until its standard input ends: its parent holds the
other end of that pipe, so it never outlives the parent. Standard library only.

Source of the format: OpenAI API reference, "Chat Completions" and "Models". A token is a word here.
"""

import argparse
import asyncio
import contextlib
import json
import re
import signal
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

MODEL = "echo"
DEFAULT_DELAY = 0.03

_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class DemoRefusal(Exception):
    """An error response: HTTP status, message, code and parameter."""

    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": str(self),
                "type": "invalid_request_error",
                "param": self.param,
                "code": self.code,
            }
        }


@dataclass(frozen=True, slots=True)
class Echo:
    """The text to echo and how, read once from the body of a chat request."""

    words: list[str]
    finish_reason: str
    prompt_tokens: int
    stream: bool
    include_usage: bool

    def usage(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": len(self.words),
            "total_tokens": self.prompt_tokens + len(self.words),
        }


def read_chat(body: bytes) -> Echo:
    """Read the body of POST /v1/chat/completions. Raises Refusal."""
    try:
        request = json.loads(body)
    except ValueError:
        raise DemoRefusal(400, "The body is not JSON.") from None
    if not isinstance(request, dict):
        raise DemoRefusal(400, "The body is not a JSON object.")
    if request.get("model") != MODEL:
        message = f"The model {request.get('model')!r} does not exist; {MODEL!r} does."
        raise DemoRefusal(404, message, code="model_not_found", param="model")
    messages = _member(request, "messages", list, [])
    if not all(isinstance(message, dict) for message in messages):
        raise DemoRefusal(
            400, "'messages' holds something that is not an object.", param="messages"
        )
    said = [message_text(message) for message in messages if message.get("role") == "user"]
    if not said or not said[-1].strip():
        raise DemoRefusal(400, "The last user message has no text to echo.", param="messages")
    words = split_words(_until_stop(said[-1], request))
    limit = _member(request, "max_completion_tokens", int, None)
    limit = limit or _member(request, "max_tokens", int, None) or len(words)
    return Echo(
        words=words[:limit],
        finish_reason="length" if limit < len(words) else "stop",
        prompt_tokens=sum(len(split_words(message_text(message))) for message in messages),
        stream=_member(request, "stream", bool, False),
        include_usage=bool(_member(request, "stream_options", dict, {}).get("include_usage")),
    )


def _member(request: dict[str, Any], name: str, kind: type | tuple[type, ...], default: Any) -> Any:
    value = request.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise DemoRefusal(400, f"{name!r} has the wrong type.", param=name)
    return value


def message_text(message: dict[str, Any]) -> str:
    """The text of a message, whose content is a string, a list of parts, or null."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def split_words(text: str) -> list[str]:
    """Cut `text` into words, each with the white space before it.

    Joined, the words are the text.
    """
    return re.findall(r"\s*\S+(?:\s+\Z)?|\s+\Z", text)


def _until_stop(text: str, request: dict[str, Any]) -> str:
    stop = _member(request, "stop", (str, list), [])
    sequences = [stop] if isinstance(stop, str) else stop
    if not all(isinstance(sequence, str) and sequence for sequence in sequences):
        raise DemoRefusal(400, "'stop' holds something that is not text.", param="stop")
    return min((text.split(sequence, 1)[0] for sequence in sequences), key=len, default=text)


def _head(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
    }


def whole_answer(echo: Echo) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message = {"role": "assistant", "content": "".join(echo.words), "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": echo.finish_reason,
    }
    return {**_head("chat.completion"), "choices": [choice], "usage": echo.usage()}


async def answer_chunks(echo: Echo, delay: float) -> AsyncIterator[dict[str, Any]]:
    """The chunks of a streamed answer; `delay` seconds before each word."""
    head = _head("chat.completion.chunk")
    # Every chunk but the last then says null: API reference, "stream_options".
    tail = {"usage": None} if echo.include_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**head, "choices": [choice], **tail}

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for word in echo.words:
        await asyncio.sleep(delay)
        yield chunk({"content": word})
    yield chunk({}, echo.finish_reason)
    if echo.include_usage:
        yield {**head, "choices": [], "usage": echo.usage()}


def model_list() -> dict[str, Any]:
    """The body of GET /v1/models."""
    model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "switchyard"}
    return {"object": "list", "data": [model]}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP/1.1 request."""

    method: str
    path: str
    body: bytes
    keep_alive: bool


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    """Read the next request of a connection; None once the client has closed it.

    Raises Refusal for what cannot be read; the connection is of no use after that.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise DemoRefusal(431, "The head of the request is too long.") from None
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    try:
        method, target, version = request_line.split(" ")
    except ValueError:
        raise DemoRefusal(400, f"Not an HTTP request: {request_line[:80]!r}") from None
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = await _read_chunked(reader)
    else:
        body = await _read_sized(reader, headers.get("content-length", "0"))
    close = headers.get("connection", "").lower() == "close" or version != "HTTP/1.1"
    return Request(method, target.partition("?")[0], body, keep_alive=not close)


async def _read_sized(reader: asyncio.StreamReader, length: str) -> bytes:
    if not length.isdecimal():
        raise DemoRefusal(400, f"Content-Length is {length!r}.")
    if int(length) > _MAX_BODY:
        raise DemoRefusal(413, "The body is too long.")
    return await reader.readexactly(int(length))


async def _read_chunked(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size_line = await reader.readuntil(b"\r\n")
        try:
            size = int(size_line.split(b";")[0], 16)
        except ValueError:
            raise DemoRefusal(400, "The chunked body is malformed.") from None
        if len(body) + size > _MAX_BODY:
            raise DemoRefusal(413, "The body is too long.")
        if size == 0:
            break
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    return bytes(body)


class Server:
    """Serves the connections of one listening socket; `delay` is in seconds a word."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side closes it."""
        # Neither a client that leaves in the middle nor our own end is an error; of the latter,
        # a cancellation, asyncio's streams would print a traceback in early releases of 3.12.
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        keep_alive = False
        try:
            request = await read_request(reader, writer)
            if request is None:
                return False
            keep_alive = request.keep_alive
            await self._answer(request, writer)
        except DemoRefusal as refusal:
            await _send_json(writer, refusal.status, refusal.body(), keep_alive=keep_alive)
        return keep_alive

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        methods = {"/v1/chat/completions": "POST", "/v1/models": "GET"}
        method = methods.get(request.path)
        if method is None:
            raise DemoRefusal(404, f"There is no {request.path}.")
        if request.method != method:
            raise DemoRefusal(405, f"{request.path} takes {method}, not {request.method}.")
        if request.path == "/v1/models":
            await _send_json(writer, 200, model_list())
            return
        echo = read_chat(request.body)
        if echo.stream:
            await _send_events(writer, answer_chunks(echo, self._delay))
        else:
            await asyncio.sleep(self._delay * len(echo.words))
            await _send_json(writer, 200, whole_answer(echo))


async def _send_json(
    writer: asyncio.StreamWriter, status: int, document: dict[str, Any], *, keep_alive: bool = True
) -> None:
    body = json.dumps(document).encode()
    head = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if not keep_alive:
        head.append("Connection: close")
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    await writer.drain()


async def _send_events(
    writer: asyncio.StreamWriter, documents: AsyncIterator[dict[str, Any]]
) -> None:
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    async for document in documents:
        await _send_event(writer, json.dumps(document))
    await _send_event(writer, "[DONE]")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _send_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
    await writer.drain()


async def run(delay: float) -> None:
    """Print the base URL and serve until standard input ends."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()

    def await_parent() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(over.set)

    # A thread, because an event loop cannot wait for every kind of file.
    threading.Thread(target=await_parent, daemon=True).start()
    server = await asyncio.start_server(Server(delay).serve, "127.0.0.1", 0, limit=_MAX_HEAD)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}/v1", flush=True)
    await over.wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="The demo upstream; it ends with its input.")
    parser.add_argument("--delay", type=float, default=DEFAULT_DELAY, metavar="SECONDS")
    delay = parser.parse_args().delay
    # Ctrl-C reaches every process of a terminal; when to end is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(run(delay))


if __name__ == "__main__":
    main()
