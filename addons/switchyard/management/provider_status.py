"""Reports the state of every provider, as JSON."""

import math
import time
from datetime import UTC
from datetime import datetime
from datetime import timedelta

from switchyard.accounts.accounts import Accounts
from switchyard.accounts.accounts import SourceStatus
from switchyard.config.schema import Config
from switchyard.policy.cooldown import TargetState
from switchyard.policy.health import Health
from switchyard.policy.health import HealthRow
from switchyard.usage.forecast import Track
from switchyard.usage.window_book import WindowBook
from switchyard.wire.encoding.jsonio import JsonObject

_STATES: dict[TargetState, str] = {
    "open": "closed",
    "trial": "half-open",
    "probing": "half-open",
    "cooling": "open",
}
"""The states of a circuit breaker: closed where requests pass, half-open where one tries."""


def provider_status(
    config: Config, health: Health, windows: WindowBook, accounts: Accounts
) -> JsonObject:
    """Return the recently tried targets by provider, and providers that are not live.

    The latter with the reason. Any client with a key may see it: it contains no text of a provider,
    which may quote what a client wrote, and no name of a model that only a client has ever used.
    """
    now, moment = time.monotonic(), time.time()
    targets: dict[str, list[JsonObject]] = {p.name: [] for p in config.providers}
    listed = {(p.name, m.name) for p in config.providers for m in p.models or ()}
    for row in health.snapshot(now):
        if _is_made_up(row) and (row.key.provider, row.key.model) not in listed:
            continue
        targets.setdefault(row.key.provider, []).append(_told(row, health, now))
    return {
        "providers": [{"name": name, "targets": rows} for name, rows in targets.items()],
        "not-live": [{"name": one.provider.name, "reason": one.reason} for one in config.not_live],
        "credentials": [_credential(one, moment) for one in accounts.status()],
        "windows": [_window(owner, track, moment) for owner, track in windows.shown(moment)],
    }


def _credential(source: SourceStatus, now: float) -> JsonObject:
    """A credential that is read from elsewhere: what is wrong with it, and when it expires."""
    status: JsonObject = {"credential": source.label, "problem": source.problem or None}
    if source.expires_at is not None and math.isfinite(source.expires_at):
        status["expires-in"] = round(source.expires_at - now)
    return status


def _window(owner: str, track: Track, now: float) -> JsonObject:
    """A window of a key or login: its share, and seconds until it resets or is empty."""
    window, forecast = track.window, track.forecast(now)
    told: JsonObject = {
        "owner": owner,
        "window": window.name,
        "used": None if track.is_over(now) else window.used,
        "status": window.status,
        "seconds-ago": round(now - window.seen_at),
        "old": track.is_old(now),
        "forecast": forecast.kind,
    }
    if window.resets_at is not None:
        told["resets-in"] = round(window.resets_at - now)
    if forecast.empty_at is not None:
        told |= {"empty-in": round(forecast.empty_at - now), "sure": forecast.sure}
    return told


def _is_made_up(row: HealthRow) -> bool:
    """Whether nothing but a client's word speaks for there being such a model."""
    return row.last_class == "model" and not row.successes and not row.in_flight


def _told(row: HealthRow, health: Health, now: float) -> JsonObject:
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
    if health.refused_wishes.hold(row.key.provider, row.key.model, now):
        told["asked-without"] = ["reasoning"]
    if row.last_failed_at is not None:
        told["last-error"] = {
            "class": row.last_class,
            "status": row.last_status,
            "message": row.last_error,
            "seconds-ago": round(now - row.last_failed_at, 3),
        }
    return told
