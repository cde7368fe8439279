"""Gives one answer to pages that ask for the same at the same time."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mitmproxy.utils import asyncio_utils
from starlette.datastructures import Headers
from starlette.types import ASGIApp
from starlette.types import Message
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from switchyard.management.api.session_routes import PATH
from switchyard.management.caller import Caller

LONGEST = 5.0
"""Seconds for which an answer is kept at most, whatever a request allows."""

_SHARED = frozenset(
    f"{PATH}/{name}" for name in ("usage", "records", "sessions", "blocks", "caches")
)
"""Routes whose answers depend on the role of the caller and the query alone."""
_MAX_AGE = re.compile(r"max-age=(\d{1,6})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: float
    """On the clock of `time.monotonic`."""
    messages: asyncio.Task[Sequence[Message]]


class SharedReads:
    """Answers reads that say how old an answer may be (RFC 9111, 5.2.1.1: `max-age`).

    Such a read waits for one that is under way, or takes its answer; only success is kept. Reads
    that do not say it, and exports, get an answer of their own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._answers: dict[tuple[object, ...], _Answer] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller: Caller = scope["state"]["caller"]
        age = _allowed_age(scope)
        if age <= 0 or caller.role is None:
            await self._app(scope, receive, send)
            return
        key = (caller.role, scope["path"], scope["query_string"])
        now = time.monotonic()
        answer = self._answers.get(key)
        if answer is None or now - answer.asked > age:
            self._forget(now)
            answer = _Answer(now, self._begin(scope, receive))
            self._answers[key] = answer
        try:
            messages = await asyncio.shield(answer.messages)
        except BaseException:
            self._answers.pop(key, None)
            raise
        if messages[0]["status"] != 200:
            self._answers.pop(key, None)
        for message in messages:
            await send(message)

    def _begin(self, scope: Scope, receive: Receive) -> asyncio.Task[Sequence[Message]]:
        return asyncio_utils.create_task(
            self._read(scope, receive), name="switchyard shared read", keep_ref=True
        )

    async def _read(self, scope: Scope, receive: Receive) -> Sequence[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages

    def _forget(self, now: float) -> None:
        """Forgets what is too old for everybody."""
        for key, answer in list(self._answers.items()):
            if now - answer.asked > LONGEST and answer.messages.done():
                del self._answers[key]


def _allowed_age(scope: Scope) -> float:
    """Returns the seconds that an answer may be old; 0 where it must not be shared."""
    if scope["method"] != "GET" or scope["path"] not in _SHARED:
        return 0.0
    if b"format=" in scope["query_string"]:
        return 0.0
    allowed = _MAX_AGE.fullmatch(Headers(scope=scope).get("cache-control", ""))
    return min(float(allowed[1]), LONGEST) if allowed else 0.0
