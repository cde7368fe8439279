"""Calls verbs over a link in limited time, and tells when nobody answers any more."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Literal

from switchyard.state.shared.breaker import Breaker
from switchyard.state.shared.link import Link
from switchyard.state.shared.link import LinkDown
from switchyard.state.shared.link import Verb

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """Times in seconds."""

    timeout: float = 0.1
    """How long a request waits for an answer before it goes on alone."""
    beat: float = 2.0
    """Between two signs of life of a process."""
    process_life: float = 10.0
    """After which a process without a sign of life no longer counts."""
    retry: float = 0.1
    """Between two tries to send the outbox, while the breaker is closed."""
    on_failure: Literal["local", "closed"] = "local"
    """Whether requests go on with this process' share of their limits, or are refused."""


class GuardedLink:
    """One link behind a circuit breaker.

    `opened` is called when the breaker opens.
    """

    def __init__(
        self,
        link: Link,
        settings: RemoteSettings,
        rng: random.Random,
        opened: Callable[[], None],
    ) -> None:
        self.link = link
        self._settings = settings
        self._opened = opened
        self._breaker = Breaker(rng)
        self._problem = ""

    @property
    def is_down(self) -> bool:
        """Whether calls are not worth trying now."""
        return self._breaker.is_open

    @property
    def problem(self) -> str:
        """The failure that opened the breaker; empty while it is closed."""
        return self._problem if self._breaker.is_open else ""

    @property
    def until_probe(self) -> float:
        """Seconds until the next probe; 0 while the breaker is closed."""
        if not self._breaker.is_open:
            return 0.0
        return max(0.0, self._breaker.probe_at - time.monotonic())

    async def call(self, verb: Verb, payload: object) -> Any:
        """Return the answer to a verb. Raises LinkDown."""
        try:
            return await self.link.call(verb, payload, self._settings.timeout)
        except LinkDown as e:
            self._note_failure(str(e))
            raise

    def fail_probe(self) -> None:
        """Record that a probe failed."""
        self._breaker.fail_probe(time.monotonic())

    def succeed(self) -> None:
        """Record a successful probe, and close the breaker."""
        if self._breaker.close():
            logger.warning("state: %s is back; limits are shared again", self.link.way)

    def _note_failure(self, problem: str) -> None:
        if not self._breaker.fail(time.monotonic()):
            return
        self._problem = problem
        self._opened()
        how = "requests go on with local shares of their limits"
        if self._settings.on_failure == "closed":
            how = "requests with limits are refused"
        logger.warning("state: %s: %s; %s until it is back", self.link.way, problem, how)
