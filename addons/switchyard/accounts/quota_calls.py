"""Reads what providers answer when they are asked how much of a key's limits is used.

Kimi Code: `GET /usages`, as its own client reads it (MoonshotAI/kimi-code, managed-usage.ts, read
2026-11-28). OpenRouter: `GET /key` ("Limits", openrouter.ai/docs, read 2026-11-28). GitHub Copilot:
`GET /copilot_internal/user` of GitHub's API, which GitHub documents nowhere, as OpenCode reads it
(packages/opencode/src/plugin/github-copilot/usage.ts, read 2026-11-28). Kiro: `GET
/getUsageLimits` of the CodeWhisperer API (aws/amazon-q-developer-cli, crate
`amzn-codewhisperer-client`, `GetUsageLimits`, read 2026-11-28).
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from urllib.parse import quote
from urllib.parse import urlsplit

from switchyard.accounts.expiry import unix_seconds
from switchyard.accounts.places import value_at
from switchyard.config.provider import Provider
from switchyard.config.provider import QuotaForm
from switchyard.usage.windows import Window

_UNITS = {"TIME_UNIT_MINUTE": 60, "TIME_UNIT_HOUR": 3600, "TIME_UNIT_DAY": 86_400}
_MOST_WINDOWS = 16
PROFILE = "profileArn"
"""What Kiro calls the profile of an organisation, in bodies and queries."""
_LONGEST_NAME = 40
_SNAPSHOTS = ("premium_interactions", "chat")
"""Copilot's quotas of what a router asks for; `completions` are an editor's."""


@dataclass(frozen=True, slots=True)
class QuotaCall:
    """A provider's call for the windows of a key."""

    path: str
    """Below the base URL."""
    read: Callable[[object, float], list[Window]]
    """Makes windows of the answer's JSON and the time in Unix seconds. Does not raise."""
    base: Callable[[str], str] = str
    """Makes the call's base URL of the provider's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent besides the key."""


def quota_url(provider: Provider, call: QuotaCall) -> str:
    """The URL of a provider's call."""
    path = call.path + profile_query(provider)
    return call.base(provider.url_for(provider.formats[0]).rstrip("/")) + path


def profile_query(provider: Provider) -> str:
    """Returns what follows a query, for the profile of an organisation; empty without one."""
    arn = provider.profile_arn
    return f"&{PROFILE}={quote(arn, safe='')}" if arn is not None else ""


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


def read_copilot(document: object, now: float) -> list[Window]:
    """The month's snapshots, named as in the headers of Copilot's answers."""
    resets_at = unix_seconds(value_at(document, "quota_reset_date"))
    found: list[Window] = []
    for name in _SNAPSHOTS:
        snapshot = value_at(document, f"quota_snapshots.{name}")
        left, limit = _number(value_at(snapshot, "percent_remaining")), _entitlement(snapshot)
        unlimited = value_at(snapshot, "unlimited") is True
        if not unlimited and (left is None or not limit):
            continue
        remaining = _number(value_at(snapshot, "remaining"))
        window = Window(
            name=name,
            used=None if unlimited or left is None else 1.0 - left / 100,
            limit=None if unlimited else limit,
            remaining=None if unlimited or remaining is None else max(0, int(remaining)),
            resets_at=resets_at,
            status="unlimited" if unlimited else None,
            seen_at=now,
            source="quota-call",
        )
        found.append(window)
    return found


def read_kiro(document: object, now: float) -> list[Window]:
    """The month's limits, each by its kind; older answers have them under another name."""
    resets_at = unix_seconds(value_at(document, "nextDateReset"))
    kinds = value_at(document, "usageBreakdownList")
    names = ("resourceType", "usageLimitWithPrecision", "currentUsageWithPrecision")
    if not isinstance(kinds, list) or not kinds:
        kinds, names = value_at(document, "limits"), ("type", "totalUsageLimit", "currentUsage")
    found: list[Window] = []
    for entry in kinds[:_MOST_WINDOWS] if isinstance(kinds, list) else ():
        kind, limit, used = (value_at(entry, name) for name in names)
        limit = _number(value_at(entry, "usageLimit") if limit is None else limit)
        used = _number(value_at(entry, "currentUsage") if used is None else used)
        if not isinstance(kind, str) or not kind or not limit or limit <= 0 or used is None:
            continue
        ends_at = unix_seconds(value_at(entry, "nextDateReset"))
        window = Window(
            name=kind.lower()[:_LONGEST_NAME],
            used=used / limit,
            limit=int(limit),
            remaining=max(0, int(limit - used)),
            resets_at=resets_at if ends_at is None else ends_at,
            seen_at=now,
            source="quota-call",
        )
        found.append(window)
    return found


def _entitlement(snapshot: object) -> int:
    return int(_number(value_at(snapshot, "entitlement")) or 0)


def github_api(base: str) -> str:
    """The base URL of the GitHub API beside a Copilot API; of another host, the host itself.

    So a key for something else than GitHub is never sent to GitHub.
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if host == "githubcopilot.com" or host.endswith(".githubcopilot.com"):
        return "https://api.github.com"
    if host.startswith("copilot-api."):
        return f"https://api.{host.removeprefix('copilot-api.')}"
    return f"{parts.scheme}://{parts.netloc}"


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
    "copilot": QuotaCall(
        "/copilot_internal/user", read_copilot, github_api, {"x-github-api-version": "2025-04-01"}
    ),
    "kimi": QuotaCall("/usages", read_kimi),
    "kiro": QuotaCall("/getUsageLimits?origin=CLI&resourceType=AGENTIC_REQUEST", read_kiro),
    "openrouter": QuotaCall("/key", read_openrouter),
}
