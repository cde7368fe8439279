"""Shares limits, turns, cooldowns and windows with the router's other processes.

Cooldowns and windows are pushed to all processes and read from memory. Turns of rotations and
quotas of providers' keys are asked for where a request needs them.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from switchyard.config.state_settings import MEMORY
from switchyard.config.state_settings import StateSettings
from switchyard.engine.workers import STATE
from switchyard.policy.cooldown import Outage
from switchyard.policy.cooldown import Place
from switchyard.policy.failures import CLASSES
from switchyard.policy.failures import FailureClass
from switchyard.policy.shared_turns import Claim
from switchyard.policy.shared_turns import NotYet
from switchyard.policy.shared_turns import QuotaNeeded
from switchyard.policy.shared_turns import TurnNeeded
from switchyard.policy.trail import Trail
from switchyard.runtime.state import State
from switchyard.state.shared.guarded_link import RemoteSettings
from switchyard.state.shared.memory import MemoryState
from switchyard.state.shared.memory import new_id
from switchyard.state.shared.opening import open_state
from switchyard.state.shared.protocol import Admitted
from switchyard.state.shared.protocol import Amounts
from switchyard.state.shared.protocol import Ask
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitLease
from switchyard.state.shared.protocol import Notice
from switchyard.state.shared.protocol import Sliding
from switchyard.usage.ledger import Ledger
from switchyard.usage.windows import Window
from switchyard.usage.windows import WindowSnapshot

logger = logging.getLogger(__name__)

_SERVED_SECONDS = 5.0
"""How long a request waits for the parent process: no network is between, so it is only busy."""

_WINDOW_SECONDS = 3600.0
"""How long others know of a window whose end no provider named."""

_LONGEST_WINDOW = 31 * 86_400.0


class Sharing:
    """Opens the state that the configuration names, and keeps this process in step with it."""

    def __init__(self, state: State, ledger: Ledger, environ: Mapping[str, str]) -> None:
        self._state = state
        self._ledger = ledger
        self._environ = environ
        self._process = new_id()
        self._settings: StateSettings | None = None
        self.file: Path | None = None
        """Where the counters of a single process are kept; None: nowhere."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def use(self, settings: StateSettings) -> None:
        """Open the state of the first configuration. Other settings need another start.

        Raises StateError.
        """
        if self._settings is not None:
            if settings != self._settings:
                logger.warning("switchyard: state: has changed; restart the router to apply it")
            return
        self._settings = settings
        where = settings.url.get_secret_value()
        if where == MEMORY:
            where = self._environ.get(STATE) or MEMORY
        seconds = settings.timeout if where != self._environ.get(STATE) else _SERVED_SECONDS
        remote = RemoteSettings(timeout=seconds, on_failure=settings.redis_failure)
        shared = open_state(where, remote, self.file, settings.prefix)
        self._state.shared = shared
        if isinstance(shared, MemoryState):
            return
        self._state.choosing = self
        shared.watch("cooldown", self._hear_cooldown)
        shared.watch("window", self._hear_window)
        self._state.health.cooldowns.sharer = self._post_cooldown
        self._ledger.sharer = self._post_window

    async def start(self) -> None:
        """Connect; a state that cannot be reached yet is no error."""
        await self._state.shared.start()

    async def close(self) -> None:
        """Send what waits to be sent."""
        await self._state.shared.close()

    async def provide(self, trail: Trail, wanted: NotYet) -> None:
        """Get what the choice of a target needs, and hand it to the trail."""
        match wanted:
            case TurnNeeded(pool=pool) if trail.turns is not None:
                number = self._state.turns_ahead.take(pool)
                if number is None:
                    number = await self._state.shared.turn(pool)
                trail.turns.provide(pool, number)
            case QuotaNeeded() if trail.shares is not None:
                answer = await self._state.shared.admit(_ask(wanted))
                if isinstance(answer, Admitted):
                    trail.shares.provide(wanted.provider, wanted.credential, answer.lease)
                else:
                    until = time.monotonic() + (answer.retry_after or 1)
                    self._state.closed[wanted.provider, wanted.credential] = until

    def settle_claim(self, claim: Claim, tokens: int) -> None:
        """Report what an attempt used of a key's quota."""
        if isinstance(claim, LimitLease):
            used = Amounts(requests=1, tokens=tokens)
            self._later(self._state.shared.settle(claim, used))

    def release_claim(self, claim: Claim) -> None:
        """Give back what no attempt made use of."""
        if isinstance(claim, LimitLease):
            self._later(self._state.shared.release(claim))

    def _post_cooldown(self, place: Place, outage: Outage | None) -> None:
        if "@" in place[2]:
            return  # a client's own login: each process has another name for it
        item = orjson.dumps(place).decode()
        if outage is None:
            self._later(self._state.shared.withdraw("cooldown", item))
            return
        now = time.monotonic()
        text = {
            "by": self._process,
            "class": outage.cls,
            "shut": max(0.0, outage.shut_until - now),
            "named": outage.named_until == outage.until,
            "step": outage.step,
        }
        left = outage.until - now
        said = orjson.dumps(text).decode()
        self._later(self._state.shared.post("cooldown", item, said, left))

    def _hear_cooldown(self, item: str, notice: Notice | None) -> None:
        try:
            scope, provider, credential, name = orjson.loads(item)
            place: Place = (scope, provider, credential, name)
            outage = _outage(notice, self._process) if notice is not None else None
        except (ValueError, TypeError, KeyError):
            logger.warning("state: another process posted a cooldown that cannot be read")
            return
        if outage is not None or notice is None:
            self._state.health.cooldowns.adopt(place, outage)

    def _post_window(self, snapshot: WindowSnapshot) -> None:
        window, now = snapshot.window, time.time()
        item = orjson.dumps([snapshot.owner, window.name]).decode()
        text = orjson.dumps({"by": self._process, **asdict(window)}).decode()
        seconds = window.resets_at - now if window.resets_at is not None else _WINDOW_SECONDS
        if seconds > 0:
            seconds = min(seconds, _LONGEST_WINDOW)
            self._later(self._state.shared.post("window", item, text, seconds))

    def _hear_window(self, item: str, notice: Notice | None) -> None:
        if notice is None:
            return
        try:
            owner, _ = orjson.loads(item)
            members = orjson.loads(notice.text)
            if members.pop("by") != self._process:
                self._ledger.windows.note(str(owner), [Window(**members)])
        except (ValueError, TypeError, KeyError):
            logger.warning("state: another process posted a window that cannot be read")

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out what only notes something to be sent; it begins at once."""
        task = asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _ask(wanted: QuotaNeeded) -> Ask:
    # A token is reserved, so that a key without tokens left has no place.
    limits: dict[str, Limit] = {}
    for one in wanted.limits:
        key = f"quota:{wanted.provider}:{wanted.credential}"
        period = Sliding(max(1, round(one.window)))
        limit = Limit(key=key, kind=one.unit, most=one.amount, period=period)
        known = limits.get(limit.counter)
        if known is None or limit.most < known.most:
            limits[limit.counter] = limit
    return Ask(limits=tuple(limits.values()), amounts=Amounts(requests=1, tokens=1))


def _outage(notice: Notice, own: str) -> Outage | None:
    """Read a cooldown of another process; None for one of this process.

    Raises ValueError, TypeError and KeyError.
    """
    text = orjson.loads(notice.text)
    if text["by"] == own:
        return None
    cls: FailureClass = text["class"]
    if cls not in CLASSES:
        raise ValueError("unknown class of failure")
    now = time.monotonic()
    until = now + (notice.until - time.time())
    return Outage(
        cls=cls,
        until=until,
        named_until=until if text["named"] else 0.0,
        shut_until=now + float(text["shut"]) if text["shut"] else 0.0,
        step=int(text["step"]),
        failed_at=now,
    )
