"""Tells clients of their limits in the headers that they read.

OpenAI's (guide "Rate limits", "Rate limits in headers") and Anthropic's (API reference, "Rate
limits", "Response headers").
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime

from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Limit
from switchyard.state.shared.protocol import LimitStanding

type Fields = tuple[tuple[bytes, bytes], ...]

_MARK = b"ratelimit-"
"""In the name of every header that is about a limit."""


@dataclass(slots=True)
class Shown:
    """How far a limit is used, as a header tells it."""

    kind: AmountKind
    most: int
    left: int
    reset_ms: int
    """Milliseconds until nothing of it is used."""


def is_shown(limit: Limit) -> bool:
    """Whether headers tell of a limit."""
    return limit.kind not in ("slots", "money")


def shown_of(standing: LimitStanding) -> Shown:
    """Returns how far a limit is used, for headers."""
    limit, reset = standing.limit, standing.resets_in
    return Shown(limit.kind, limit.most, standing.left, round((reset or 0) * 1000))


def told_limits(fields: Fields, limits: Sequence[Shown], anthropic: bool, now: float) -> Fields:
    """Returns a response's headers with these limits in place of a provider's.

    `now` is the time in Unix seconds.
    """
    kept = tuple(field for field in fields if _MARK not in field[0].lower())
    if anthropic:
        return (*kept, *_for_anthropic(_tightest(limits), now))
    return (*kept, *_for_openai(_tightest(limits)))


def tells_limits(fields: Fields) -> bool:
    """Whether a response's headers are about limits already."""
    return any(_MARK in field[0].lower() for field in fields)


def _tightest(limits: Sequence[Shown]) -> Iterator[Shown]:
    """Of each kind the one of which least is left."""
    found: dict[AmountKind, Shown] = {}
    for one in limits:
        known = found.get(one.kind)
        if known is None or one.left < known.left:
            found[one.kind] = one
    return iter(found.values())


_OPENAI = {
    kind: tuple(f"x-ratelimit-{what}-{kind}".encode() for what in ("limit", "remaining", "reset"))
    for kind in ("requests", "tokens")
}
_ANTHROPIC = {
    kind: tuple(
        f"anthropic-ratelimit-{name}-{what}".encode() for what in ("limit", "remaining", "reset")
    )
    for kind, name in (
        ("requests", "requests"),
        ("tokens", "tokens"),
        ("input", "input-tokens"),
        ("output", "output-tokens"),
    )
}


def _for_openai(limits: Iterator[Shown]) -> Iterator[tuple[bytes, bytes]]:
    for one in limits:
        if names := _OPENAI.get(one.kind):
            yield names[0], b"%d" % one.most
            yield names[1], b"%d" % one.left
            yield names[2], _duration(one.reset_ms)


def _for_anthropic(limits: Iterator[Shown], now: float) -> Iterator[tuple[bytes, bytes]]:
    for one in limits:
        if names := _ANTHROPIC.get(one.kind):
            moment = datetime.fromtimestamp(int(now + one.reset_ms / 1000 + 0.999), UTC)
            yield names[0], b"%d" % one.most
            yield names[1], b"%d" % one.left
            yield names[2], moment.strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _duration(milliseconds: int) -> bytes:
    """As OpenAI writes it: `120ms`, `1s`, `6m0s`, `1h2m3s`."""
    if milliseconds < 1000:
        return b"%dms" % milliseconds
    minutes, seconds = divmod(-(-milliseconds // 1000), 60)
    if not minutes:
        return b"%ds" % seconds
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, seconds) if hours else b"%dm%ds" % (minutes, seconds)
