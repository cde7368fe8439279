"""An upstream that streams tokens at a steady pace, each with the time of its sending.

    python -m scripts.benchmark.token_upstream PORT [TLS_PORT CERTIFICATE]

`POST /pace {"tokens": 60, "rate": 20}` sets how many tokens a stream has, and how many it gets a
second (0: all as fast as they are taken). Every other POST is answered by a stream of OpenAI Chat
chunks, whose text is the clock of `time.monotonic_ns` between two signs: `@123456789@`.
"""

import asyncio
import json
import ssl
import sys
import time

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_CHUNK = (
    '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"m",'
    '"choices":[{"index":0,"delta":%s,"finish_reason":%s}]%s}'
)
_USAGE = ',"usage":{"prompt_tokens":9,"completion_tokens":60,"total_tokens":69}'
_BATCH = 16
"""Tokens sent before an unpaced stream lets others have their turn."""

pace = {"tokens": 60, "rate": 20.0}


def event(text: str) -> bytes:
    """One SSE event as one chunk of the transfer encoding."""
    data = f"data: {text}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(data), data)


def token() -> bytes:
    return event(_CHUNK % (f'{{"content":"@{time.monotonic_ns()}@ "}}', "null", ""))


class Client(asyncio.Protocol):
    """One connection; answers its requests one after the other."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._left = 0
        self._next = 0.0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
            elif line.startswith(b"transfer-encoding:") and not rest.endswith(b"0\r\n\r\n"):
                return
        if len(rest) < length:
            return
        self._buffer.clear()
        if head.startswith(b"POST /pace"):
            pace.update(json.loads(rest))
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        elif head.startswith(b"POST"):
            self._begin()
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._left and not pace["rate"]:
            self._flow()

    def _begin(self) -> None:
        self._left = int(pace["tokens"])
        self.transport.write(_HEAD + event(_CHUNK % ('{"role":"assistant"}', "null", "")))
        if pace["rate"]:
            self._next = self._loop.time()
            self._tick()
        else:
            self._flow()

    def _tick(self) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(token())
        self._left -= 1
        self._next += 1 / pace["rate"]
        self._loop.call_at(self._next, self._tick if self._left else self._end)

    def _flow(self) -> None:
        for _ in range(_BATCH):
            if self._paused or not self._left:
                break
            self.transport.write(token())
            self._left -= 1
        if not self._left:
            self._end()
        elif not self._paused and not self.transport.is_closing():
            self._loop.call_soon(self._flow)

    def _end(self) -> None:
        self.transport.write(
            event(_CHUNK % ("{}", '"stop"', _USAGE)) + event("[DONE]") + b"0\r\n\r\n"
        )


async def serve(port: int, tls_port: int | None = None, certificate: str = "") -> None:
    """Serve for ever; over TLS too, given a port and a PEM file with certificate and key."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", port, backlog=4096)
    if tls_port is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        await loop.create_server(Client, "127.0.0.1", tls_port, backlog=4096, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    port, *secure = sys.argv[1:]
    asyncio.run(serve(int(port), *([int(secure[0]), secure[1]] if secure else [])))
