"""One connection to Redis, over which commands go without waiting for earlier answers.

A burst of requests then costs hardly more time than one, and no pool of connections runs out. The
commands of one turn of the event loop are written at once.
"""

import asyncio
from collections import deque
from typing import Any

from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.resp import RespError
from switchyard.state.shared.resp import RespReader

_SILENCE = 1.0
"""Seconds after which a connection on which an answer is due is given up."""

_TURNS = 5
"""Turns of the loop in which an answer may still be read, if the loop itself was late."""


class RedisPipe(asyncio.Protocol):
    """Speaks over a transport on which the server has nothing more to say."""

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._reader = RespReader()
        self._waiting: deque[tuple[asyncio.Future[Any], float, float]] = deque()
        """Who waits for an answer, in the order of the commands: since when, and until when."""
        self._unsent: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether commands may be sent."""
        return not self._closed.is_set() and not self._transport.is_closing()

    def command(self, packed: bytes, timeout: float) -> asyncio.Future[Any]:
        """Send a command; its answer is a LinkDown after `timeout` seconds, or a RespError."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        now = self._loop.time()
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(packed)
        self._waiting.append((answer, now, now + timeout))
        if self._timer is not None and self._timer.when() > now + timeout:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._loop.call_at(now + timeout, self._look, _TURNS)
        return answer

    async def close(self) -> None:
        """Close the connection."""
        self._transport.abort()
        await self._closed.wait()

    def data_received(self, data: bytes) -> None:
        """Hand answers to those who wait."""
        try:
            for value in self._reader.feed(data):
                answer = self._waiting.popleft()[0]
                if answer.done():
                    continue
                if isinstance(value, RespError):
                    answer.set_exception(value)
                else:
                    answer.set_result(value)
        except (ValueError, IndexError, RecursionError):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the loss to all who wait."""
        reason = "the connection was closed"
        if isinstance(exc, OSError) and exc.strerror:
            reason = exc.strerror
        self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
        for answer, _, _ in self._waiting:
            if not answer.done():
                answer.set_exception(LinkDown(reason))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.is_open:
            self._transport.write(b"".join(unsent))

    def _look(self, turns: int) -> None:
        """Give up answers that are due; looks again when the next one will be."""
        now = self._loop.time()
        self._timer = None
        next_one: float | None = None
        for answer, since, until in self._waiting:
            if answer.done():
                continue
            if until > now:
                next_one = until if next_one is None else min(next_one, until)
            elif turns > 0:
                self._loop.call_soon(self._look, turns - 1)
                return
            else:
                milliseconds = (until - since) * 1000
                answer.set_exception(LinkDown(f"no answer within {milliseconds:.0f} ms"))
        if self._waiting and now - self._waiting[0][1] > _SILENCE:
            self._transport.abort()
        elif next_one is not None and self._timer is None:
            self._timer = self._loop.call_at(next_one, self._look, _TURNS)
