"""Looks for what webhooks tell beside requests: quotas, providers, keys and accounts."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from functools import partial

from switchyard.config.provider import credentials_of
from switchyard.policy.health import HealthRow
from switchyard.runtime.runtime import Runtime
from switchyard.usage.forecast import Track
from switchyard.usage.window_book import window_members
from switchyard.wire.encoding.jsonio import JsonObject

WARNINGS = (0.8, 0.95)
"""Shares of a window from which on its owner is warned."""

EXPIRING = (7, 1)
"""Days before a key expires on which its holder is warned."""

DOWN_AFTER = 10.0
"""Seconds for which no target of a provider works before it counts as down."""

_FAILURES = 3
"""Failures in that time; a long cooldown, as of a refused key, needs one."""

_LONG = 30.0
_DAY = 86400.0
_HOUR = 3600.0
_MINUTE = 60.0
_NOT_DOWN = ("model", "quota", "request", "context-length")
"""Classes of failures that say nothing against a provider itself."""


@dataclass(slots=True)
class _Trouble:
    since: float
    failures: int
    """How many there were when it began."""
    is_told: bool = False


class Alerts:
    """Publishes each condition once when it begins. For the event loop only."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._levels: dict[tuple[str, str], tuple[int, float]] = {}
        self._troubles: dict[str, _Trouble] = {}
        self._without_login: set[str] = set()

    def look(self) -> None:
        """Compares the state of the router with what was told of it."""
        now = time.time()
        if self._runtime.webhooks.wants("quota.warning", "quota.exceeded"):
            self._look_at_windows(now)
        if self._runtime.webhooks.wants("provider.down", "provider.up"):
            self._look_at_providers(now, time.monotonic())
        if self._runtime.webhooks.wants("key.expiring"):
            self._look_at_keys(now)
        if self._runtime.webhooks.wants("account.login-needed"):
            self._look_at_accounts(now)

    def _look_at_windows(self, now: float) -> None:
        for owner, track in self._runtime.ledger.windows.tracks():
            place = owner, track.window.name
            before = self._levels.get(place, (-1, 0.0))
            level = _level(track, now)
            kept = before[1] if before[0] == track.resets else 0.0
            self._levels[place] = track.resets, max(level, kept)
            if level <= kept:
                continue
            ends = track.window.resets_at
            period = f"day {int(now // _DAY)}" if ends is None else f"{round(ends / _HOUR)}"
            members = window_members(owner, track, now)
            make = partial(dict, members, threshold=level)
            name = "quota.exceeded" if level >= 1.0 else "quota.warning"
            self._runtime.webhooks.publish(name, make, f"{owner} {place[1]} {level} {period}")

    def _look_at_providers(self, now: float, clock: float) -> None:
        rows: dict[str, list[HealthRow]] = {}
        for row in self._runtime.state.health.snapshot(clock):
            if row.standing.state == "open" or row.last_class not in _NOT_DOWN:
                rows.setdefault(row.key.provider, []).append(row)
        for provider in self._runtime.snapshot.config.providers:
            found = rows.get(provider.name, [])
            if _fails(found, credentials_of(provider)):
                self._note_trouble(provider.name, found, now, clock)
            elif (over := self._troubles.pop(provider.name, None)) is not None and over.is_told:
                data: JsonObject = {"provider": provider.name, "since": now}
                self._publish_state("provider.up", data, now)

    def _note_trouble(self, name: str, rows: list[HealthRow], now: float, clock: float) -> None:
        failures = sum(row.failures for row in rows)
        trouble = self._troubles.setdefault(name, _Trouble(clock, failures - 1))
        lasts = max(row.standing.until for row in rows) - clock
        counts = failures - trouble.failures >= _FAILURES or lasts >= _LONG
        if trouble.is_told or not counts or clock - trouble.since < DOWN_AFTER:
            return
        trouble.is_told = True
        last = max(rows, key=lambda row: row.last_failed_at or 0.0)
        data: JsonObject = {
            "provider": name,
            "since": now - (clock - trouble.since),
            "class": last.last_class,
            "status": last.last_status,
        }
        self._publish_state("provider.down", data, now)

    def _publish_state(self, name: str, data: JsonObject, now: float) -> None:
        # Every worker sees it: within a minute it is told once.
        once = f"{data['provider']} {int(now // _MINUTE)}"
        if name == "provider.down":
            self._runtime.webhooks.publish("provider.down", lambda: data, once)
        else:
            self._runtime.webhooks.publish("provider.up", lambda: data, once)

    def _look_at_keys(self, now: float) -> None:
        moment = datetime.fromtimestamp(now, UTC)
        for key in self._runtime.snapshot.client_keys:
            if key.expires is None or key.blocked or key.expires <= moment:
                continue
            left = (key.expires - moment).total_seconds() / _DAY
            days = min((one for one in EXPIRING if left <= one), default=None)
            if days is not None:
                data: JsonObject = {"key": key.label, "expires": key.expires.isoformat()}
                once = f"{key.label} {data['expires']} {days}"
                self._runtime.webhooks.publish("key.expiring", partial(dict, data), once)

    def _look_at_accounts(self, now: float) -> None:
        lacking = {
            one.label: one.problem for one in self._runtime.accounts.status() if one.is_lasting
        }
        for label in lacking.keys() - self._without_login:
            data: JsonObject = {"account": label, "problem": lacking[label]}
            once = f"{label} {int(now // _DAY)}"
            self._runtime.webhooks.publish("account.login-needed", partial(dict, data), once)
        self._without_login = set(lacking)


def _level(track: Track, now: float) -> float:
    """Returns the highest threshold that a window is beyond; 0 for none."""
    used = track.window.used
    if used is None or track.is_over(now):
        return 0.0
    return max((one for one in (*WARNINGS, 1.0) if used >= one), default=0.0)


def _fails(rows: list[HealthRow], credentials: Iterable[str]) -> bool:
    """Whether every credential of a provider was tried, and no target works."""
    tried = {row.key.credential for row in rows}
    if not rows or not tried.issuperset(credentials):
        return False
    return all(row.standing.state != "open" for row in rows)
