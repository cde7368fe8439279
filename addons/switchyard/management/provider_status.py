"""Reports the state of every provider, as JSON."""

import time
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from switchyard.config.schema import Config
from switchyard.policy.cooldown import TargetState
from switchyard.policy.health import Health
from switchyard.policy.health import HealthRow
from switchyard.wire.encoding.jsonio import JsonObject

_STATES: dict[TargetState, str] = {
    "open": "closed",
    "trial": "half-open",
    "probing": "half-open",
    "cooling": "open",
}
"""The states of a circuit breaker: closed where requests pass, half-open where one tries."""


def provider_status(config: Config, health: Health) -> JsonObject:
    """Return the recently tried targets by provider, and providers that are not live.

    The latter with the reason. Any client with a key may see it: it contains no text of a provider,
    which may quote what a client wrote, and no name of a model that only a client has ever used.
    """
    now = time.monotonic()
    targets: dict[str, list[JsonObject]] = {p.name: [] for p in config.providers}
    listed = {(p.name, m.name) for p in config.providers for m in p.models or ()}
    for row in health.snapshot(now):
        if _is_made_up(row) and (row.key.provider, row.key.model) not in listed:
            continue
        targets.setdefault(row.key.provider, []).append(_told(row, now))
    return {
        "providers": [{"name": name, "targets": rows} for name, rows in targets.items()],
        "not-live": [{"name": one.provider.name, "reason": one.reason} for one in config.not_live],
    }


def _is_made_up(row: HealthRow) -> bool:
    """Whether nothing but a client's word speaks for there being such a model."""
    return row.last_class == "model" and not row.successes and not row.in_flight


def _told(row: HealthRow, now: float) -> JsonObject:
    standing = row.standing
    told: JsonObject = {
        "model": row.key.model,
        "credential": row.key.credential,
        "state": _STATES[standing.state],
        "in-flight": row.in_flight,
        "successes": row.successes,
        "failures": row.failures,
    }
    if standing.state == "cooling":
        left = standing.returns - now
        told["cooling-down-until"] = (datetime.now(UTC) + timedelta(seconds=left)).isoformat(
            timespec="milliseconds"
        )
        told["returns-in"] = round(left, 3)
        told["announced"] = standing.shut_until > 0
    if row.last_failed_at is not None:
        told["last-error"] = {
            "class": row.last_class,
            "status": row.last_status,
            "message": row.last_error,
            "seconds-ago": round(now - row.last_failed_at, 3),
        }
    return told
