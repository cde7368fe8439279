"""Carries verbs to Redis or Valkey: one script a verb, atomic, by the server's clock.

Scripts are called by EVALSHA and, where the server does not know one, sent by EVAL: SCRIPT LOAD is
forbidden by some providers of Redis ("EVALSHA", redis.io).
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import Literal
from typing import get_args

import orjson
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.exceptions import RedisError
from switchyard.state.board import Numbered
from switchyard.state.link import LinkDown
from switchyard.state.link import Verb

_CONNECT_SECONDS = 2.0


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

    way: Literal["redis"] = "redis"

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
        self._redis = redis.asyncio.Redis.from_url(url, **options)
        self._prefix = f"switchyard:1:{{{installation}}}:"
        self._clock = clock

    async def call(self, verb: Verb, payload: object) -> Any:
        """Run a verb's script. Raises LinkDown."""
        sha, text = _SCRIPTS[verb]
        clock = str(self._clock()) if self._clock else ""
        arguments = (1, self._prefix, orjson.dumps(payload), clock)
        try:
            try:
                return await self._redis.execute_command("EVALSHA", sha, *arguments)
            except NoScriptError:
                return await self._redis.execute_command("EVAL", text, *arguments)
        except (RedisError, OSError) as e:
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
        await self._redis.aclose()


def _reason(error: Exception) -> str:
    """Say what is wrong, without the server's address, which may hold a password."""
    words = str(error).split()
    code = words[0] if words and words[0].isupper() else ""
    return f"{type(error).__name__} {code}".strip()
