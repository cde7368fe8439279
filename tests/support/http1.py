"""The HTTP/1.1 side of an upstream: requests read, answers written, nothing corrected."""

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.support.playing import Player
from tests.support.steps import Fields
from tests.support.steps import GoAway
from tests.support.steps import Head

if TYPE_CHECKING:
    from tests.support.connection import Connection


class Http1:
    """Serves one connection, a request at a time."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._buffer = bytearray()
        self._changed = asyncio.Event()
        self._player: Player | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost = False

    def begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def received(self, data: bytes) -> None:
        self._buffer += data
        self._changed.set()

    def lost(self) -> None:
        self._lost = True
        self._changed.set()
        if self._player is not None:
            self._player.lost.set()

    async def _serve(self) -> None:
        upstream = self._connection.upstream
        try:
            while True:
                request = await self._read_request()
                self._player = player = Http1Player(self._connection, request[0] == "HEAD")
                await upstream.answer(self._connection, *request, "HTTP/1.1", player)
                if player.closes:
                    self._connection.close()
                    return
        except EOFError:
            self._connection.close()

    async def _read_request(self) -> tuple[str, str, list[tuple[str, str]], bytes]:
        head = await self._until(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        headers = [(name.lower(), value.strip()) for name, _, value in map(_split, lines)]
        named = dict(headers)
        if "chunked" in named.get("transfer-encoding", ""):
            body = await self._read_chunks()
        else:
            body = await self._exactly(int(named.get("content-length", 0)))
        return method, target, headers, body

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int((await self._until(b"\r\n")).partition(b";")[0], 16):
            body += (await self._exactly(size + 2))[:-2]
        await self._until(b"\r\n")
        return bytes(body)

    async def _until(self, mark: bytes) -> bytes:
        while (found := self._buffer.find(mark)) < 0:
            await self._more()
        taken = bytes(self._buffer[:found])
        del self._buffer[: found + len(mark)]
        return taken

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _more(self) -> None:
        if self._lost:
            raise EOFError
        self._changed.clear()
        await self._changed.wait()


class Http1Player(Player):
    """One answer in HTTP/1.1's framing."""

    def __init__(self, connection: "Connection", to_head: bool) -> None:
        super().__init__()
        self.closes = False
        self._connection = connection
        self._to_head = to_head
        self._chunked = False

    def head(self, head: Head) -> None:
        fields = list(head.headers)
        bodiless = head.is_interim or head.status in (204, 304)
        if not head.is_interim:
            self.closes = head.closes or head.version == "HTTP/1.0"
            self._chunked = not (bodiless or head.has_length or self.closes)
            if self._chunked and "transfer-encoding" not in dict(fields):
                fields.append(("transfer-encoding", "chunked"))
        try:
            reason = HTTPStatus(head.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"{head.version} {head.status} {reason}", *(f"{n}: {v}" for n, v in fields)]
        self.raw("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))

    async def data(self, data: bytes) -> None:
        if self._to_head or not data:
            return
        self.raw(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def raw(self, data: bytes) -> None:
        self._connection.write(data)

    def end(self, trailers: Fields) -> None:
        if self._chunked and not self._to_head:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            self.raw(f"0\r\n{lines}\r\n".encode("latin-1"))

    def cut(self) -> None:
        self._connection.close()

    def reset(self) -> None:
        self._connection.reset()

    def reset_stream(self, code: int) -> None:
        self._connection.reset()

    def go_away(self, step: GoAway) -> None:
        if not step.stays:
            self._connection.close()


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
