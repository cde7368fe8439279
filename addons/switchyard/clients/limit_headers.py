"""Tells clients of their limits in the headers that they read.

OpenAI's (guide "Rate limits", "Rate limits in headers") and Anthropic's (API reference, "Rate
limits", "Response headers"). Limits of requests are told to everybody else, too, in the fields
`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).
"""

import time
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from functools import lru_cache
from operator import itemgetter

from switchyard.state.shared.protocol import AmountKind
from switchyard.state.shared.protocol import Sliding
from switchyard.state.shared.quick_ledger import QuickLine
from switchyard.values.remembering import remembering

type LimitFields = tuple[tuple[bytes, bytes], ...]

type Shown = tuple["LimitHeaders", int, int]
"""Of which limit, how much is used, milliseconds until nothing of it is."""

_MARK = b"ratelimit"
"""In the name of every header that is about a limit."""

_name_of = itemgetter(0)

_MOST_SPELLED = 4096
"""Times whose words are kept at hand: the answers of a second tell the same ones."""

_OPENAI: dict[AmountKind, str] = {
    "requests": "x-ratelimit-{}-requests",
    "tokens": "x-ratelimit-{}-tokens",
}
_ANTHROPIC: dict[AmountKind, str] = {
    "requests": "anthropic-ratelimit-requests-{}",
    "tokens": "anthropic-ratelimit-tokens-{}",
    "input": "anthropic-ratelimit-input-tokens-{}",
    "output": "anthropic-ratelimit-output-tokens-{}",
}


class LimitHeaders:
    """The headers of one limit in one API's words, prepared for the answers."""

    __slots__ = ("kind", "left", "limit", "line", "most", "policy", "reset")

    def __init__(self, line: QuickLine, names: str) -> None:
        self.line = line
        self.kind: AmountKind = line.kind
        self.most = line.most
        self.limit = (names.format("limit").encode(), b"%d" % line.most)
        self.left = names.format("remaining").encode()
        self.reset = names.format("reset").encode()
        self.policy = _policy(line) if line.kind == "requests" else None
        """The field of the draft; None for amounts that it has no unit for."""


def headers_for(lines: Iterable[QuickLine], anthropic: bool) -> tuple[LimitHeaders, ...]:
    """Returns the headers of those limits that an API's clients are told of."""
    names = _ANTHROPIC if anthropic else _OPENAI
    return tuple(LimitHeaders(line, names[line.kind]) for line in lines if line.kind in names)


def told_limits(fields: LimitFields, shown: Sequence[Shown], anthropic: bool) -> LimitFields:
    """Returns a response's headers with these limits in place of a provider's."""
    found = list(fields)
    if tells_limits(fields):
        found = [field for field in fields if not _is_of_limits(field[0])]
    for headers, used, reset in shown if len(shown) < 2 else _tightest(shown):
        left = headers.most - used if used < headers.most else 0
        told = _moment(reset) if anthropic else _duration(reset)
        found += headers.limit, (headers.left, b"%d" % left), (headers.reset, told)
        if headers.policy is not None:
            rest = b'"requests";r=%d;t=%d' % (left, -(-reset // 1000))
            found += headers.policy, (b"ratelimit", rest)
    return tuple(found)


def tells_limits(fields: LimitFields) -> bool:
    """Whether a response's headers are about limits already."""
    return True in map(_is_of_limits, map(_name_of, fields))


@remembering
def _is_of_limits(name: bytes) -> bool:
    return _MARK in name.lower()


def _policy(line: QuickLine) -> tuple[bytes, bytes]:
    period = line.limit.period
    window = b";w=%d" % period.seconds if isinstance(period, Sliding) else b""
    return b"ratelimit-policy", b'"requests";q=%d%b' % (line.most, window)


def _tightest(shown: Sequence[Shown]) -> Iterable[Shown]:
    """Of each kind the one of which least is left."""
    found: dict[AmountKind, Shown] = {}
    for one in shown:
        kind = one[0].kind
        if kind not in found or one[0].most - one[1] < found[kind][0].most - found[kind][1]:
            found[kind] = one
    return found.values()


def _moment(milliseconds: int) -> bytes:
    """RFC 3339, as Anthropic writes it; never before the limit is free again."""
    return _spelled(-int(-(time.time() + milliseconds / 1000) // 1))


@lru_cache(_MOST_SPELLED)
def _spelled(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _duration(milliseconds: int) -> bytes:
    """As OpenAI writes it: `120ms`, `1s`, `6m0s`, `1h2m3s`."""
    return b"%dms" % milliseconds if milliseconds < 1000 else _counted(-(-milliseconds // 1000))


@lru_cache(_MOST_SPELLED)
def _counted(seconds: int) -> bytes:
    minutes, seconds = divmod(seconds, 60)
    if not minutes:
        return b"%ds" % seconds
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, seconds) if hours else b"%dm%ds" % (minutes, seconds)
