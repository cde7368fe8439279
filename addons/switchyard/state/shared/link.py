"""What connects a process to whoever shares the state: a Unix socket, or Redis."""

import asyncio
from collections.abc import Callable
from typing import Any
from typing import Literal
from typing import Protocol

from switchyard.state.shared.board import Numbered

type Verb = Literal[
    "admit", "settle", "renew", "counters", "turn", "stick", "stuck", "post", "notices", "beat"
]


class LinkDown(Exception):
    """The other side did not answer; it may have carried out the verb all the same."""


class Link(Protocol):
    """Carries verbs. Payloads and answers are JSON, as `lua/*.lua` describe them."""

    @property
    def way(self) -> Literal["served", "redis"]:
        """How the state is kept."""
        ...

    async def call(self, verb: Verb, payload: object, timeout: float) -> Any:
        """Have a verb carried out within `timeout` seconds. Raises LinkDown."""
        ...

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        """Hand notices to `hear` until the connection is lost; `ready` when it is there.

        Raises LinkDown, and never returns otherwise.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


_TURNS = 5


async def in_time(answer: asyncio.Future[Any], timeout: float) -> Any:
    """Return an answer within some seconds. Raises LinkDown, and what the future raises."""
    await asyncio.wait((answer,), timeout=timeout)
    for _ in range(_TURNS):
        if answer.done():
            return answer.result()
        # If the loop itself was late, the answer may be there and only not be read yet.
        await asyncio.sleep(0)
    raise LinkDown(f"no answer within {timeout * 1000:.0f} ms")
