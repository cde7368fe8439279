"""Carries verbs to Redis or Valkey: one atomic script a verb, by the server's clock.

Scripts are called by EVALSHA and, where the server does not know one, sent by EVAL: SCRIPT LOAD is
forbidden by some providers of Redis ("EVALSHA", redis.io).
"""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import Literal
from typing import get_args

import orjson
import redis.asyncio
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from switchyard.state.shared.board import Numbered
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb
from switchyard.state.shared.redis_pipe import RedisPipe
from switchyard.state.shared.resp import RespError
from switchyard.state.shared.resp import pack_words

_CONNECT_SECONDS = 2.0


_PACKED: frozenset[Verb] = frozenset({"admit", "counters"})
"""Verbs whose answers are one text, since a number of its own costs more than its digits."""


def _heads(sha: str, text: str, prefix: str) -> tuple[bytes, bytes]:
    """The beginnings of both commands, up to the payload: by hash, and with the script."""
    key = prefix.encode()
    return (
        b"*6\r\n" + pack_words(b"EVALSHA", sha.encode(), b"1", key),
        b"*6\r\n" + pack_words(b"EVAL", text.encode(), b"1", key),
    )


def unpacked(text: str) -> list[Any]:
    """Read what `pack` and `pack_rows` in `library.lua` wrote. Raises ValueError.

    Rows alone, or the parts `verdict|turns|rows|target`; numbers with commas between, rows with
    semicolons.
    """
    if "|" not in text:
        return _rows(text)
    verdict, turns, rows, target = text.split("|", 3)
    return [int(verdict), [int(one) for one in turns.split(",") if one], _rows(rows), target]


def _rows(text: str) -> list[list[int]]:
    return [list(map(int, row.split(","))) for row in text.split(";") if row]


def _load() -> dict[str, tuple[str, str]]:
    """Return the SHA-1 and the text of each verb's script."""
    folder = Path(__file__).parent / "lua"
    library = (folder / "library.lua").read_text("utf-8")
    found: dict[str, tuple[str, str]] = {}
    for verb in get_args(Verb.__value__):
        text = library + (folder / f"{verb}.lua").read_text("utf-8")
        found[verb] = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text
    return found


SCRIPTS = _load()
"""The hash and the text of each verb's script."""


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
        self._heads = {verb: _heads(*script, self._prefix) for verb, script in SCRIPTS.items()}
        self._pipe: RedisPipe | None = None
        self._connection: object = None
        self._connecting = asyncio.Lock()

    @property
    def way(self) -> Literal["redis"]:
        """How the state is kept."""
        return "redis"

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        """Run a verb's script. Raises LinkDown."""
        by_hash, whole = self._heads[verb]
        clock = str(self._clock()).encode() if self._clock else b""
        arguments = pack_words(orjson.dumps(payload), clock)
        try:
            try:
                answer = await self._send(by_hash + arguments, timeout)
            except RespError as e:
                if e.code != "NOSCRIPT":
                    raise
                answer = await self._send(whole + arguments, timeout)
        except (RespError, RedisError, OSError, TimeoutError) as e:
            raise LinkDown(_reason(e)) from e
        return unpacked(answer) if verb in _PACKED else answer

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

    async def _send(self, packed: bytes, timeout: float) -> Any:
        pipe = self._pipe
        if pipe is None or not pipe.is_open:
            try:
                async with asyncio.timeout(timeout):
                    pipe = await self._connect()
            except TimeoutError:
                raise LinkDown(f"no connection within {timeout * 1000:.0f} ms") from None
        return await pipe.command(packed, timeout)

    async def _connect(self) -> RedisPipe:
        async with self._connecting:
            if self._pipe is None or not self._pipe.is_open:
                connection = self._pool.make_connection()
                await connection.connect()
                writer = getattr(connection, "_writer", None)
                assert isinstance(writer, asyncio.StreamWriter)
                # The client's own reader parses each number of an answer by itself.
                self._pipe = RedisPipe(writer.transport)
                self._connection = connection
            return self._pipe


def _reason(error: BaseException) -> str:
    """Say what is wrong, without the server's address, which may hold a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, RespError) and error.code:
        return f"it answers {error.code}"
    words = str(error).split()
    code = words[0] if words and words[0].isupper() and words[0].isalpha() else ""
    return f"{type(error).__name__} {code}".strip()
