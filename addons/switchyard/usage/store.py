"""What a usage store does, whichever database keeps the rows."""

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from switchyard.usage.records import RequestRecord
from switchyard.usage.windows import WindowSnapshot


class StoreError(Exception):
    """The store cannot write at present (disk full, server gone); the same batch may be retried."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows are kept. Totals are kept for ever."""

    seconds: float
    max_bytes: int


class Store(Protocol):
    """Used by one thread at a time."""

    def write(self, finished: Sequence[RequestRecord], running: Sequence[RequestRecord]) -> None:
        """Keep rows, each finished one exactly once, and its totals in the same transaction.

        A record whose id is there already as finished changes nothing. `running` are requests under
        way. Raises StoreError, and has then written nothing of a month that failed.
        """
        ...

    def write_windows(self, snapshots: Sequence[WindowSnapshot]) -> None:
        """Keep snapshots of windows, each once. Raises StoreError."""
        ...

    def recover(self, is_alive: Callable[[str], bool]) -> int:
        """Close the rows of writers that ended while requests ran; return how many.

        `is_alive` tells by a writer's name whether it still runs. Raises StoreError.
        """
        ...

    def expire(self, now: float, retention: Retention) -> list[str]:
        """Delete what is older or larger than `retention`; return the names of what went."""
        ...

    def close(self) -> None: ...
