"""Reads what metrics show of the router as it is now."""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from switchyard import __version__
from switchyard.clients.key_limits import parts_of
from switchyard.clients.limit_refusals import period_name
from switchyard.engine.workers import MARK
from switchyard.metrics import families
from switchyard.metrics.book import MetricBook
from switchyard.metrics.book import MetricRow
from switchyard.metrics.families import MetricFamily
from switchyard.metrics.label_values import MOST_VALUES
from switchyard.recording.request_record import name_of_key
from switchyard.runtime.runtime import Runtime
from switchyard.state.shared.protocol import Limit

_MEMORY = Path("/proc/self/statm")
_PAGE = resource.getpagesize()


@dataclass(slots=True)
class _Follower:
    """Counts what is counted elsewhere, and may begin anew there."""

    family: MetricFamily
    seen: int = 0

    def note(self, book: MetricBook, now: int) -> None:
        grown = now - self.seen if now >= self.seen else now
        self.seen = now
        if grown:
            book.count([(self.family, (), grown)])


class RouterGauges:
    """Reads a runtime. For the event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._written = _Follower(families.RECORDS_WRITTEN)
        self._lost = _Follower(families.RECORDS_LOST)
        self._recovered = _Follower(families.RECOVERED)
        self._failed_reloads = _Follower(families.RELOAD_FAILURES)
        self._cpu = _Follower(families.CPU)

    def note(self, book: MetricBook) -> None:
        """Count what the router itself counts elsewhere."""
        health = self._runtime.ledger.health
        self._written.note(book, health.written)
        self._lost.note(book, health.lost)
        self._recovered.note(book, health.recovered)
        self._failed_reloads.note(book, self._runtime.failed_reloads)
        self._cpu.note(book, round(time.process_time() * 1000))

    async def rows(self) -> Sequence[MetricRow]:
        """Return all gauges."""
        runtime = self._runtime
        return [
            *self._process(),
            *self._providers(),
            *self._quotas(),
            *self._records(),
            *await self._budgets(),
            (families.CONFIG.name, (runtime.snapshot.config.fingerprint,), 1),
        ]

    def _process(self) -> list[MetricRow]:
        runtime, worker = self._runtime, os.environ.get(MARK, "0")
        return [
            (families.BUILD.name, (__version__,), 1),
            (families.WORKERS.name, (), 1),
            (families.MEMORY.name, (worker,), _resident()),
            (families.IN_FLIGHT.name, (), len(runtime.exchanges)),
            (families.WAITING.name, (), runtime.gate.waiting),
        ]

    def _providers(self) -> list[MetricRow]:
        runtime = self._runtime
        names = [one.name for one in runtime.snapshot.config.providers]
        known, cooling = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        for row in runtime.state.health.snapshot(time.monotonic()):
            if (name := row.key.provider) in known:
                known[name] += 1
                cooling[name] += row.standing.state == "cooling"
        rows: list[MetricRow] = []
        for name in names:
            is_down = known[name] > 0 and cooling[name] == known[name]
            rows.append((families.COOLING.name, (name,), cooling[name]))
            rows.append((families.PROVIDER_UP.name, (name,), int(not is_down)))
        for one in runtime.accounts.status():
            rows.append((families.CREDENTIAL_UP.name, (one.label,), int(not one.problem)))
        return rows

    def _quotas(self) -> list[MetricRow]:
        now = time.time()
        rows: list[MetricRow] = []
        for owner, track in self._runtime.ledger.windows.tracks():
            window = track.window
            if track.is_over(now):
                continue
            if window.used is not None:
                rows.append((families.QUOTA_USED.name, (owner, window.name), window.used))
            if window.resets_at is not None:
                left = max(0.0, window.resets_at - now)
                rows.append((families.QUOTA_RESET.name, (owner, window.name), left))
        return rows

    def _records(self) -> list[MetricRow]:
        records, state = self._runtime.ledger.health, self._runtime.state.shared.health
        is_up = state.shared and not state.problem
        return [
            (families.RECORDS_QUEUE.name, (), records.waiting),
            (families.RECORDS_UP.name, (), int(not records.problem)),
            (families.STATE_UP.name, (state.way,), int(is_up)),
            (families.STATE_UNSENT.name, (), state.waiting),
        ]

    async def _budgets(self) -> list[MetricRow]:
        """What is left of the first keys' budgets, and of the whole router's."""
        snapshot = self._runtime.snapshot
        rules = snapshot.key_rules
        found: list[tuple[str, Limit]] = [("", one) for one in rules.router]
        for key in snapshot.client_keys:
            name = name_of_key(key)
            found += ((name, one) for one in rules.all_of(key) if one.kind == "money")
            if len(found) > MOST_VALUES:
                break
        budgets = [(name, one) for name, one in found if one.kind == "money"]
        if not budgets:
            return []
        standings = await self._runtime.state.shared.counters([one for _, one in budgets])
        return [
            (
                families.BUDGET_LEFT.name,
                (name, period_name(limit).removeprefix("per "), parts_of(limit.key)[1]),
                standing.left,
            )
            for (name, limit), standing in zip(budgets, standings, strict=True)
        ]


def _resident() -> int:
    """The memory of this process in bytes; where the system does not say it, its peak."""
    try:
        return int(_MEMORY.read_text().split()[1]) * _PAGE
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
