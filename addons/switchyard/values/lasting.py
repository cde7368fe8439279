"""Keeps background work going, whatever one turn of it raises."""

import asyncio
import logging
from collections.abc import Awaitable
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds until work that failed is tried again."""


class Complaints:
    """Logs failures of some work: each kind once, until a turn succeeds."""

    def __init__(self, work: str) -> None:
        """`work` is what goes on, as the log names it: "the configuration watcher"."""
        self._work = work
        self._told: set[type[BaseException]] = set()

    def met(self, error: Exception) -> None:
        """Log an unforeseen exception with its traceback."""
        if type(error) in self._told:
            return
        self._told.add(type(error))
        logger.error(
            "switchyard: %s failed: %s. It continues; repeats are not logged until it succeeds",
            self._work,
            type(error).__name__,
            exc_info=error,
        )

    def went_well(self) -> None:
        self._told.clear()


async def forever(work: str, turn: Callable[[], Awaitable[None]], pause: float = PAUSE) -> NoReturn:
    """Take one `turn` of some work after another, until the task is cancelled.

    An exception is logged, once a kind, and the next turn comes after `pause` seconds.
    """
    complaints = Complaints(work)
    while True:
        try:
            await turn()
        except Exception as error:
            complaints.met(error)
            await asyncio.sleep(pause)
        else:
            complaints.went_well()
