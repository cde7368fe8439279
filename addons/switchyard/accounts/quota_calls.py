"""Reads what providers answer when they are asked how much of a key's limits is used.

Kimi Code: `GET /usages`, as its own client reads it (MoonshotAI/kimi-code, managed-usage.ts, read
2026-11-28). OpenRouter: `GET /key` ("Limits", openrouter.ai/docs, read 2026-11-28).
"""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from switchyard.accounts.expiry import unix_seconds
from switchyard.accounts.places import value_at
from switchyard.config.provider import Provider
from switchyard.config.provider import QuotaForm
from switchyard.usage.windows import Window

_UNITS = {"TIME_UNIT_MINUTE": 60, "TIME_UNIT_HOUR": 3600, "TIME_UNIT_DAY": 86_400}
_MOST_WINDOWS = 16


@dataclass(frozen=True, slots=True)
class QuotaCall:
    """A provider's call for the windows of a key."""

    path: str
    """Below the base URL."""
    read: Callable[[object, float], list[Window]]
    """Makes windows of the answer's JSON and the time in Unix seconds. Does not raise."""


def quota_url(provider: Provider, call: QuotaCall) -> str:
    """The URL of a provider's call."""
    return provider.url_for(provider.formats[0]).rstrip("/") + call.path


def read_kimi(document: object, now: float) -> list[Window]:
    """The week's window, and the shorter ones; their numbers may be text."""
    found = [_kimi_window("7d", value_at(document, "usage"), now)]
    limits = value_at(document, "limits")
    for entry in limits[:_MOST_WINDOWS] if isinstance(limits, list) else ():
        if name := _length(value_at(entry, "window")):
            found.append(_kimi_window(name, value_at(entry, "detail"), now))
    return [window for window in found if window is not None]


def _kimi_window(name: str, detail: object, now: float) -> Window | None:
    limit, used = _number(value_at(detail, "limit")), _number(value_at(detail, "used"))
    if limit is None or limit <= 0 or used is None:
        return None
    return Window(
        name=name,
        used=used / limit,
        limit=int(limit),
        remaining=max(0, int(limit - used)),
        resets_at=unix_seconds(value_at(detail, "resetTime")),
        seen_at=now,
        source="quota-call",
    )


def _length(window: object) -> str:
    """The name of a window by its length, `5h`; empty if it has none."""
    count = _number(value_at(window, "duration"))
    unit = _UNITS.get(str(value_at(window, "timeUnit")))
    seconds = int(count * unit) if count and unit else 0
    for letter, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return ""


def read_openrouter(document: object, now: float) -> list[Window]:
    """The key's limit of credits, where it has one."""
    limit = _number(value_at(document, "data.limit"))
    left = _number(value_at(document, "data.limit_remaining"))
    if limit is None or limit <= 0 or left is None:
        return []
    used = 1.0 - left / limit
    return [Window(name="credits", used=used, seen_at=now, source="quota-call")]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def with_quota(providers: tuple[Provider, ...]) -> Iterator[tuple[Provider, QuotaCall]]:
    """The providers that can be asked, each with its call."""
    for provider in providers:
        if provider.quota_call is not None:
            yield provider, QUOTA_CALLS[provider.quota_call]


QUOTA_CALLS: dict[QuotaForm, QuotaCall] = {
    "kimi": QuotaCall("/usages", read_kimi),
    "openrouter": QuotaCall("/key", read_openrouter),
}
