"""Reports to the holder of a client key what it may use, and what is left: `GET /v0/me`."""

import asyncio
import math
import sqlite3
import time
from datetime import UTC
from datetime import datetime
from pathlib import Path

from switchyard.clients.key_limits import parts_of
from switchyard.clients.limit_refusals import period_name
from switchyard.config.client_keys import ClientKey
from switchyard.management.record_members import dollars
from switchyard.management.record_members import record_members
from switchyard.recording.request_record import name_of_key
from switchyard.runtime.snapshot import Snapshot
from switchyard.state.shared.protocol import LimitStanding
from switchyard.state.shared.protocol import SharedState
from switchyard.usage.row_pages import RowPages
from switchyard.usage.row_pages import RowQuestion
from switchyard.wire.encoding.jsonio import JsonObject

LAST = 20
"""Requests that a report shows."""

_SECONDS = 5.0
_SHOWN = ("id", "started", "operation", "asked_model", "provider", "model", "status", "state",
          "error", "tokens", "cost", "end_ms")  # fmt: skip


async def key_report(
    client: ClientKey | None, snapshot: Snapshot, state: SharedState, folder: Path | None
) -> JsonObject:
    """Returns a key's policy, limits and last requests; without client keys, of all requests.

    Money is in US dollars, times are in Unix seconds. `folder` has the usage records, if any.
    """
    rules = snapshot.key_rules
    now = time.time_ns() // 1_000_000 / 1000  # as limits are counted
    if client is not None:
        client = rules.known(client) or snapshot.client_keys.again(client)
    limits = rules.all_of(client) if client is not None else rules.router
    standings = await state.counters(limits)
    name = name_of_key(client) if client is not None else None
    requests = await asyncio.to_thread(_last, folder, name) if folder is not None else []
    return {
        "key": _policy(client) if client is not None else None,
        "limits": [_limit(one, now) for one in standings],
        "shared": state.health.shared,
        "contact": snapshot.config.clients.contact or None,
        "requests": requests,
    }


def _policy(client: ClientKey) -> JsonObject:
    expires = client.expires
    without = client.models.without
    return {
        "name": client.label,
        "id": client.id or None,
        "project": client.project,
        "role": client.role,
        "models": list(client.models.patterns),
        "except": list(without.patterns) if without is not None else [],
        "providers": list(client.providers.patterns),
        "concurrency": client.concurrency,
        "priority": client.priority,
        "over_budget": client.over_budget,
        "enforced": client.enforce,
        "expires": expires.timestamp() if expires is not None else None,
    }


def _limit(standing: LimitStanding, now: float) -> JsonObject:
    limit = standing.limit
    is_money = limit.kind == "money"
    reserved = standing.reserved if limit.kind != "slots" else 0
    amounts = {
        "limit": limit.most,
        "used": standing.used - reserved,
        "reserved": reserved,
        "left": standing.left,
    }
    _, models = parts_of(limit.key)
    resets = standing.resets_in
    return {
        "kind": limit.kind,
        "period": period_name(limit),
        "models": models.split(",") if models else None,
        **{name: dollars(one) if is_money else one for name, one in amounts.items()},
        "resets": _moment(now + resets) if resets is not None and standing.used else None,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(math.ceil(round(at, 3)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _last(folder: Path, name: str | None) -> list[JsonObject]:
    where = {"client_key": name} if name is not None else {}
    try:
        rows = RowPages(folder, _SECONDS).page(RowQuestion(where=where), LAST)
    except sqlite3.Error:
        return []
    members = map(record_members, rows)
    return [{name: one[name] for name in _SHOWN} for one in members]
