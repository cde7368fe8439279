"""Windows of subscriptions and API keys, read from the headers of responses that pass.

Nothing is polled. Sources: Anthropic's unified headers of logins and its rate limit headers
("Rate limits", docs.anthropic.com), Codex' headers as the Codex CLI reads them, GitHub Copilot's
quota snapshots, and the `x-ratelimit-*` headers of OpenAI-compatible APIs ("Rate limits",
platform.openai.com). Headers are given by lower-case name.
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from datetime import UTC
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qs

REFUSAL = "refusal"
"""The source of a window that is the time which a refusal named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How much of one limit is used, as a provider said it."""

    name: str
    """`5h`, `7d`, `7d:opus`, `requests`, `tokens`, `premium_interactions` ..."""
    used: float | None = None
    """The share that is used; 1 is all, and more is possible."""
    limit: int | None = None
    remaining: int | None = None
    resets_at: float | None = None
    """Unix seconds."""
    status: str | None = None
    """The provider's own word, `allowed_warning` for example."""
    seen_at: float
    """Unix seconds."""
    source: str
    """The family of headers it was read from, or `REFUSAL`."""

    @property
    def left(self) -> float | None:
        """The share that is left, from 0 to 1; None where the provider did not say."""
        return None if self.used is None else min(1.0, max(0.0, 1.0 - self.used))

    @property
    def span(self) -> float | None:
        """The window's length in seconds; None where its name says nothing of it."""
        return _meaning(self.name)[0]

    @property
    def scope(self) -> str:
        """The model, or the word in models' names, that it counts for; empty: for all."""
        return _meaning(self.name)[1]


_LENGTH = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_ENDINGS = {"-day": 86_400.0, "-hour": 3600.0, "-minute": 60.0}
"""How limits of API keys name their length, as `x-ratelimit-limit-requests-day` does."""
_MONTH = 30 * 86_400.0
_MONTHLY = ("premium_interactions", "premium_models", "chat")
"""Copilot's snapshots, which a plan renews each month."""


@lru_cache(2048)
def _meaning(name: str) -> tuple[float | None, str]:
    """The length in seconds and the scope that a window's name tells of."""
    head, _, scope = name.partition(":")
    if match := _LENGTH.fullmatch(head):
        return int(match[1]) * _SECONDS[match[2]], scope.lower()
    if head in _MONTHLY:
        return _MONTH, scope.lower()
    return next((_ENDINGS[end] for end in _ENDINGS if head.endswith(end)), None), scope.lower()


@dataclass(frozen=True, slots=True)
class WindowSnapshot:
    """A window of a credential or login at one moment."""

    owner: str
    """The credential's label, or the fingerprint of a login that passes through."""
    window: Window


def read_windows(headers: Mapping[str, str], now: float) -> list[Window]:
    """Return the windows that a response's headers tell of. Never raises.

    Placeholders (a Codex window of 0 minutes, a limit of 0, a share of 0 that resets at 0) are no
    data and left out.
    """
    headers = {name: value for name, value in headers.items() if _may_tell(name)}
    found = (
        *_unified(headers, now),
        *_codex(headers, now),
        *_copilot(headers, now),
        *_anthropic_limits(headers, now),
        *_openai_limits(headers, now),
    )
    return [_ahead(window) for window in found]


def _ahead(window: Window) -> Window:
    """A window without a reset that lies behind its figure: that is one of an earlier term."""
    if window.resets_at is None or window.resets_at > window.seen_at:
        return window
    return replace(window, resets_at=None)


def has_windows(names: Iterable[str]) -> bool:
    """Return whether any of a response's lower-case header names may tell of a window."""
    return any(map(_may_tell, names))


def _may_tell(name: str) -> bool:
    return (
        "ratelimit" in name
        or name.startswith(("x-codex-", "x-quota-snapshot-"))
        or name.endswith(("-used-percent", "-limit-name", "-window-minutes"))
        or name.endswith(("-reset-at", "-reset-after-seconds"))
    )


_UNIFIED = re.compile(
    r"anthropic-ratelimit-unified-(?P<claim>\w+(?:-\w+)*?)-"
    r"(?P<member>status|utilization|reset|in-use|disabled-reason)",
    re.ASCII,
)


def _unified(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    claims: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if match := _UNIFIED.fullmatch(name):
            claims.setdefault(match["claim"], {})[match["member"]] = value
    for claim, members in claims.items():
        used, reset = _number(members.get("utilization")), _moment(members.get("reset"), now)
        if used is None and reset is None and claim != "overage":
            continue
        if not used and reset is None and "reset" in members:
            continue  # a placeholder
        span, _, model = claim.replace("-", "_").partition("_")
        yield Window(
            name=f"{span}:{model}" if model else span,
            used=used,
            resets_at=reset,
            status=_claim_status(members),
            seen_at=now,
            source="anthropic-unified",
        )


def _claim_status(members: Mapping[str, str]) -> str | None:
    """The status of a claim; of overage also whether it is in use, or why it is not to be."""
    status, reason = members.get("status"), members.get("disabled-reason")
    if members.get("in-use") == "true":
        return "in use"
    return f"{status} ({reason})" if status and reason else status


_CODEX = re.compile(r"x-(?P<family>[a-z0-9_-]+?)-(?P<which>primary|secondary)-used-percent")
_SPANS = {300: "5h", 1440: "1d", 10080: "7d", 43200: "30d"}
_OWN_LIMIT = "codex"
"""The limit of all models, among others that are of one."""


def _codex(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    for name in headers:
        if not (match := _CODEX.fullmatch(name)):
            continue
        prefix, family = name.removesuffix("used-percent"), match["family"]
        members = {
            "used_percent": headers[name],
            "window_minutes": headers.get(f"{prefix}window-minutes", ""),
            "reset_at": headers.get(f"{prefix}reset-at", ""),
            "reset_after_seconds": headers.get(f"{prefix}reset-after-seconds", ""),
        }
        limit = "" if family == _OWN_LIMIT else headers.get(f"x-{family}-limit-name") or family
        if (window := _codex_window(members, match["which"], limit, "codex", now)) is not None:
            yield window
    if (balance := _number(headers.get("x-codex-credits-balance"))) is not None:
        unlimited = headers.get("x-codex-credits-unlimited", "").lower() == "true"
        yield Window(
            name="credits",
            remaining=int(balance),
            status="unlimited" if unlimited else None,
            seen_at=now,
            source="codex",
        )


def read_event(event: Mapping[str, object], now: float) -> list[Window]:
    """Return the windows of Codex' stream event `codex.rate_limits`. Never raises."""
    limits = event.get("rate_limits")
    metered, named = event.get("metered_limit_name"), event.get("limit_name")
    limit = ""
    if isinstance(metered, str) and metered not in ("", _OWN_LIMIT):
        limit = named if isinstance(named, str) and named else metered
    found = []
    for which in ("primary", "secondary"):
        members = limits.get(which) if isinstance(limits, dict) else None
        if not isinstance(members, dict):
            continue
        given = {name: str(value) for name, value in members.items() if not isinstance(value, bool)}
        if (window := _codex_window(given, which, limit, "codex-event", now)) is not None:
            found.append(_ahead(window))
    return found


_RESETS = ("reset_at", "resets_at", "reset_after_seconds", "resets_in_seconds")


def _codex_window(
    members: Mapping[str, str], which: str, limit: str, source: str, now: float
) -> Window | None:
    """A window by its length, or as `primary` or `secondary` where that is missing."""
    used, minutes = _number(members.get("used_percent")), _number(members.get("window_minutes"))
    if used is None or used < 0:
        return None
    if (minutes is not None and minutes <= 0) or (minutes is None and used == 0):
        return None  # a placeholder
    label = which if minutes is None else _SPANS.get(int(minutes), f"{int(minutes)}m")
    moments = (_moment(members.get(name), now) for name in _RESETS)
    return Window(
        name=f"{label}:{limit[:64]}" if limit else label,
        used=used / 100,
        resets_at=next((moment for moment in moments if moment is not None), None),
        seen_at=now,
        source=source,
    )


_COPILOT = re.compile(r"x-quota-snapshot-(?P<quota>[a-z_-]+)|x-usage-ratelimit-(?P<term>[a-z]+)")
_TERMS = {"weekly": "7d"}


def _copilot(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    for name, value in headers.items():
        if not (match := _COPILOT.fullmatch(name)):
            continue
        members = {key: values[0] for key, values in parse_qs(value).items()}
        remaining = _number(members.get("rem"))
        if remaining is None or _number(members.get("ent")) == 0:
            continue
        unlimited = members.get("ent") == "-1"
        term = match["term"]
        yield Window(
            name=match["quota"] or _TERMS.get(term, term),
            used=None if unlimited else 1 - remaining / 100,
            resets_at=_moment(members.get("rst"), now),
            status="unlimited" if unlimited else None,
            seen_at=now,
            source="copilot",
        )


_ANTHROPIC = re.compile(
    r"anthropic-ratelimit-(?!unified)(?P<what>[a-z0-9-]+)-(?P<member>limit|remaining|reset)"
)
_OPENAI = re.compile(r"x-ratelimit-(?P<member>limit|remaining|reset)(?:-(?P<what>[a-z0-9-]+))?")


def _anthropic_limits(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    return _limits(headers, _ANTHROPIC, "anthropic", now)


def _openai_limits(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    return _limits(headers, _OPENAI, "x-ratelimit", now)


def _limits(
    headers: Mapping[str, str], pattern: re.Pattern[str], source: str, now: float
) -> Iterator[Window]:
    found: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if match := pattern.fullmatch(name):
            found.setdefault(match["what"] or "requests", {})[match["member"]] = value
    for what, members in found.items():
        limit, remaining = _number(members.get("limit")), _number(members.get("remaining"))
        if not limit or limit < 0 or remaining is None or remaining < 0:
            continue
        yield Window(
            name=what,
            used=1 - min(remaining, limit) / limit,
            limit=int(limit),
            remaining=int(remaining),
            resets_at=_moment(members.get("reset"), now),
            seen_at=now,
            source=source,
        )


_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d))+", re.ASCII)
_SPAN_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_EPOCH = 1e8
_EPOCH_MS = 1e11


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _moment(text: str | None, now: float) -> float | None:
    """Unix seconds of an epoch (seconds or milliseconds), a span from now, or an RFC 3339 time."""
    text = (text or "").strip()
    if (number := _number(text)) is not None:
        if number <= 0:
            return None
        if number >= _EPOCH_MS:
            return number / 1000
        return number if number >= _EPOCH else now + number
    if _SPAN.fullmatch(text):
        return now + sum(float(n) * _SECONDS[unit] for n, unit in _SPAN_PART.findall(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
