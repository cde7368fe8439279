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
from datetime import UTC
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qs


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
    """The family of headers it was read from."""

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
_MONTH = 30 * 86_400.0
_MONTHLY = ("premium_interactions", "premium_models", "chat")
"""Copilot's snapshots, which a plan renews each month."""


@lru_cache(2048)
def _meaning(name: str) -> tuple[float | None, str]:
    """The length in seconds and the scope that a window's name tells of."""
    head, _, scope = name.partition(":")
    if match := _LENGTH.fullmatch(head):
        return int(match[1]) * _SECONDS[match[2]], scope.lower()
    return (_MONTH if head in _MONTHLY else None), scope.lower()


@dataclass(frozen=True, slots=True)
class WindowSnapshot:
    """A window of a credential or login at one moment."""

    owner: str
    """The credential's label, or the fingerprint of a login that passes through."""
    window: Window


def read_windows(headers: Mapping[str, str], now: float) -> list[Window]:
    """Return the windows that a response's headers tell of. Never raises.

    Placeholders (a Codex window of 0 minutes, a limit of 0) are no data and left out.
    """
    return [
        *_unified(headers, now),
        *_codex(headers, now),
        *_copilot(headers, now),
        *_anthropic_limits(headers, now),
        *_openai_limits(headers, now),
    ]


def has_windows(names: Iterable[str]) -> bool:
    """Return whether any of a response's lower-case header names may tell of a window."""
    return any(
        "ratelimit" in name or name.startswith(("x-codex-", "x-quota-snapshot-")) for name in names
    )


_UNIFIED = re.compile(
    r"anthropic-ratelimit-unified-(?P<claim>.+)-(?P<member>status|utilization|reset)"
)
_MODELS = {"oi": "opus", "sonnet": "sonnet", "opus": "opus", "haiku": "haiku"}
"""What the suffix of a weekly claim names."""


def _unified(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    claims: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        if match := _UNIFIED.fullmatch(name):
            claims.setdefault(match["claim"], {})[match["member"]] = value
    for claim, members in claims.items():
        used, reset = _number(members.get("utilization")), _moment(members.get("reset"), now)
        if used is None and reset is None and claim != "overage":
            continue
        span, _, model = claim.partition("_")
        yield Window(
            name=f"{span}:{_MODELS.get(model, model)}" if model else span,
            used=used,
            resets_at=reset,
            status=members.get("status"),
            seen_at=now,
            source="anthropic-unified",
        )


_CODEX = re.compile(r"x-(?P<family>[a-z0-9-]+?)-(?P<which>primary|secondary)-used-percent")
_SPANS = {300: "5h", 1440: "1d", 10080: "7d", 43200: "30d"}


def _codex(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    for name in headers:
        if not (match := _CODEX.fullmatch(name)):
            continue
        prefix = name.removesuffix("used-percent")
        used = _number(headers[name])
        minutes = _number(headers.get(f"{prefix}window-minutes"))
        if used is None or not minutes:
            continue
        reset = _moment(headers.get(f"{prefix}reset-at"), now)
        if reset is None and (span := _number(headers.get(f"{prefix}reset-after-seconds"))):
            reset = now + span
        label = _SPANS.get(int(minutes), f"{int(minutes)}m")
        family = match["family"]
        yield Window(
            name=label if family == "codex" else f"{label}:{family}",
            used=used / 100,
            resets_at=reset,
            seen_at=now,
            source="codex",
        )


def read_event(event: Mapping[str, object], now: float) -> list[Window]:
    """Return the windows of Codex' stream event `codex.rate_limits`. Never raises."""
    limits = event.get("rate_limits")
    found = []
    for which in ("primary", "secondary"):
        members = limits.get(which) if isinstance(limits, dict) else None
        if not isinstance(members, dict):
            continue
        said = {name: str(value) for name, value in members.items() if not isinstance(value, bool)}
        used, minutes = _number(said.get("used_percent")), _number(said.get("window_minutes"))
        if used is None or not minutes:
            continue
        reset = said.get("reset_at") or said.get("resets_at")
        reset = reset or said.get("reset_after_seconds") or said.get("resets_in_seconds")
        found.append(
            Window(
                name=_SPANS.get(int(minutes), f"{int(minutes)}m"),
                used=used / 100,
                resets_at=_moment(reset, now),
                seen_at=now,
                source="codex-event",
            )
        )
    return found


_COPILOT = "x-quota-snapshot-"


def _copilot(headers: Mapping[str, str], now: float) -> Iterator[Window]:
    for name, value in headers.items():
        if not name.startswith(_COPILOT):
            continue
        members = {key: values[0] for key, values in parse_qs(value).items()}
        remaining = _number(members.get("rem"))
        if remaining is None or _number(members.get("ent")) == 0:
            continue
        unlimited = members.get("ent") == "-1"
        yield Window(
            name=name.removeprefix(_COPILOT),
            used=None if unlimited else 1 - remaining / 100,
            resets_at=_moment(members.get("rst"), now),
            status="unlimited" if unlimited else None,
            seen_at=now,
            source="copilot",
        )


_ANTHROPIC = re.compile(
    r"anthropic-ratelimit-(?!unified)(?P<what>[a-z-]+)-(?P<member>limit|remaining|reset)"
)
_OPENAI = re.compile(r"x-ratelimit-(?P<member>limit|remaining|reset)(?:-(?P<what>[a-z-]+))?")


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
