"""What connects a process to whoever shares the state: a Unix socket, or Redis."""

from collections.abc import Callable
from typing import Any
from typing import Literal
from typing import Protocol

from switchyard.state.board import Numbered

type Verb = Literal[
    "admit", "settle", "renew", "counters", "turn", "stick", "stuck", "post", "notices", "beat"
]


class LinkDown(Exception):
    """The other side did not answer, or not as it should. The verb may have been carried out."""


class Link(Protocol):
    """Carries verbs. Payloads and answers are JSON; `lua/*.lua` say what each verb's are."""

    way: Literal["served", "redis"]

    async def call(self, verb: Verb, payload: object) -> Any:
        """Have a verb carried out, and return its answer. Raises LinkDown."""
        ...

    async def listen(self, ready: Callable[[], None], hear: Callable[[Numbered], None]) -> None:
        """Hand notices to `hear` until the connection is lost; `ready` when it is there.

        Raises LinkDown, and never returns otherwise.
        """
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
