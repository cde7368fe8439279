"""Carries verbs to Redis or Valkey: one atomic script a verb, by the server's clock.

Scripts are called by EVALSHA and, where the server does not know one, sent by EVAL: SCRIPT LOAD is
forbidden by some providers of Redis ("EVALSHA", redis.io).
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from typing import Literal
from typing import get_args

import orjson
import redis.asyncio
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.exceptions import RedisError
from redis.exceptions import ResponseError

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.link import in_time

_CONNECT_SECONDS = 2.0

_SILENCE = 1.0
"""Seconds after which a connection on which an answer is due is given up."""


def _load() -> dict[str, tuple[str, str]]:
    """Return the SHA-1 and the text of each verb's script."""
    folder = Path(__file__).parent / "lua"
    library = (folder / "library.lua").read_text("utf-8")
    found: dict[str, tuple[str, str]] = {}
    for verb in get_args(Verb.__value__):
        text = library + (folder / f"{verb}.lua").read_text("utf-8")
        found[verb] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text
    return found


_SCRIPTS = _load()


class RedisLink:
    """Implements `Link`. `url` is `redis://`, `rediss://` or `unix://`.

    `installation` keeps several routers apart in one server. All keys have the same hash tag, so
    that they lie together in a cluster. `clock` is for tests only: Unix milliseconds in place of
    the server's time.
    """

    def __init__(
        self, url: str, installation: str = "default", clock: Callable[[], int] | None = None
    ) -> None:
        options: dict[str, Any] = {
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
            "decode_responses": True,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "socket_timeout": None,
        }
        if not url.startswith("unix"):
            options["socket_keepalive"] = True
        self._pool = ConnectionPool.from_url(url, **options)
        self._redis = redis.asyncio.Redis(connection_pool=self._pool)
        self._prefix = f"switchyard:1:{{{installation}}}:"
        self._clock = clock
        self._pipe: _Pipe | None = None
        self._connecting = asyncio.Lock()

    @property
    def way(self) -> Literal["redis"]:
        """How the state is kept."""
        return "redis"

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        """Run a verb's script. Raises LinkDown."""
        sha, text = _SCRIPTS[verb]
        clock = str(self._clock()) if self._clock else ""
        arguments = (1, self._prefix, orjson.dumps(payload), clock)
        try:
            try:
                return await self._command(timeout, "EVALSHA", sha, *arguments)
            except NoScriptError:
                return await self._command(timeout, "EVAL", text, *arguments)
        except (RedisError, OSError, TimeoutError) as e:
            raise LinkDown(_reason(e)) from e

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        """Hand published notices on until the connection is lost. Raises LinkDown."""
        channel = self._redis.pubsub()
        try:
            await channel.subscribe(self._prefix + "notices")
            async for message in channel.listen():
                if message["type"] == "subscribe":
                    ready()
                elif message["type"] == "message":
                    hear(orjson.loads(message["data"]))
        except (RedisError, OSError, ValueError) as e:
            raise LinkDown(_reason(e)) from e
        finally:
            await channel.aclose()
        raise LinkDown("the subscription ended")

    async def close(self) -> None:
        """Close all connections."""
        if self._pipe is not None:
            await self._pipe.close()
        await self._redis.aclose()
        await self._pool.disconnect()

    async def _command(self, timeout: float, *words: Any) -> Any:
        if (pipe := self._pipe) is None or not pipe.is_open:
            async with asyncio.timeout(timeout):
                pipe = await self._connect()
        return await pipe.command(timeout, words)

    async def _connect(self) -> "_Pipe":
        async with self._connecting:
            if self._pipe is None or not self._pipe.is_open:
                connection = self._pool.make_connection()
                await connection.connect()
                self._pipe = _Pipe(connection)
            return self._pipe


class _Pipe:
    """One connection, over which commands go without waiting for earlier answers.

    A burst of requests then costs hardly more time than one, and no pool runs out.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        """Who waits for an answer, in the order of the commands, and since when."""
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @property
    def is_open(self) -> bool:
        """Whether commands may be sent."""
        return self._connection.is_connected and not self._reading.done()

    async def command(self, timeout: float, words: Iterable[Any]) -> Any:
        """Carry out a command. Raises LinkDown and RedisError."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        packed = self._connection.pack_command(*words)
        self._waiting.append((answer, time.monotonic()))
        try:
            await self._connection.send_packed_command(packed, check_health=False)
            return await in_time(answer, timeout)
        except LinkDown:
            if self._waiting and time.monotonic() - self._waiting[0][1] > _SILENCE:
                await self._connection.disconnect(nowait=True)
            raise
        finally:
            answer.cancel()

    async def close(self) -> None:
        """Close the connection."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._connection.disconnect(nowait=True)

    async def _read(self) -> None:
        reason = "the connection was closed"
        try:
            while True:
                try:
                    content = await self._connection.read_response()
                except ResponseError as e:
                    content = e
                answer, _ = self._waiting.popleft()
                if answer.done():
                    continue
                if isinstance(content, ResponseError):
                    answer.set_exception(content)
                else:
                    answer.set_result(content)
        except (RedisError, OSError) as e:
            reason = _reason(e)
        finally:
            for answer, _ in self._waiting:
                if not answer.done():
                    answer.set_exception(LinkDown(reason))
            await self._connection.disconnect(nowait=True)


def _reason(error: BaseException) -> str:
    """Say what is wrong, without the server's address, which may hold a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error).split()
    code = words[0] if words and words[0].isupper() and words[0].isalpha() else ""
    return f"{type(error).__name__} {code}".strip()
