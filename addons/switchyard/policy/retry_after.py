"""Reads when a provider may be asked again: headers, error bodies, messages."""

import math
import re
from collections.abc import Iterator
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from email.utils import parsedate_to_datetime

from switchyard.policy.told_reach import is_daily
from switchyard.policy.told_reach import quotas_of
from switchyard.policy.told_terms import terms_in_words
from switchyard.policy.told_terms import until_midnight

LONGEST = 32 * 86_400.0
"""Seconds; a term longer than this is taken for this."""

LONGEST_BUSY = 3600.0
"""The same where no quota is used up: how long a provider will be busy is a guess."""

_EPOCH = 1e8
"""A number of seconds this large is a point in time (1973 or later), no span."""
_EPOCH_MS = 1e11

_NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_SPAN_PART = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)", re.ASCII)
_SPAN = re.compile(r"(?:\d{1,12}(?:\.\d{1,12})?(?:ms|s|m|h|d))+", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_BEIJING = timezone(timedelta(hours=8))

_AT_WORDS = re.compile(
    rf"(?i:resets? (?:at|on)|重置[^\d]{{0,4}}|将在) ?({_RFC3339.pattern})"
    r"(?!:|\.?\d| ?\(?[A-Z+-])"
)
_EPOCH_WORDS = re.compile(r"limit reached\|(\d{10})\b", re.ASCII)
_DRAFT_LIMIT = re.compile(r";\s*([rt])\s*=\s*(\d{1,12})", re.ASCII)
_LONGEST_MESSAGE = 2000


def earliest_retry(
    headers: Mapping[str, str],
    error_body: object | None,
    wall: float,
    cap: float = LONGEST,
    limits: bool = True,
) -> float | None:
    """Return seconds until another attempt makes sense, as the provider names them.

    In: headers by lower-case name; the error body as parsed JSON, if it was any; the wall clock in
    seconds since 1970; the longest span to believe; whether the failure is one of limits, so that
    rate limit headers speak of it (they come with every response). Out: a span of 0 to `cap`, or
    None. Never raises. Sources, in order: RFC 9110 Retry-After and Azure's retry-after-ms;
    google.rpc.RetryInfo; ChatGPT's `resets_in_seconds` and `resets_at`; the reset headers of
    exhausted limits (OpenAI, Groq, Cerebras, OpenRouter, Anthropic, Codex, IETF RateLimit); words.
    """
    told_now = False
    for span in _told(headers, error_body, wall, limits):
        if span > 0:
            return min(span, cap)
        told_now = True
    return 0.0 if told_now else None


def _told(
    headers: Mapping[str, str], error_body: object | None, wall: float, limits: bool
) -> Iterator[float]:
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        yield milliseconds / 1000
    if (span := _span_or_date(headers.get("retry-after"), wall)) is not None:
        yield span
    body = _Body(error_body)
    yield from body.spans(wall)
    if limits:
        for source in (headers, body.headers):
            if (span := _limit_headers(source, wall)) is not None:
                yield span
    yield from _spans_in_words(body.message, wall)


class _Body:
    """The parts of an error body that may name a term. Bodies come in many shapes."""

    def __init__(self, body: object | None) -> None:
        if isinstance(body, list) and body:
            body = body[0]
        top = body if isinstance(body, Mapping) else {}
        error = top.get("error")
        inner = error if isinstance(error, Mapping) else {}
        self._places = (inner, top)
        self._quotas = list(quotas_of(top))
        metadata = inner.get("metadata")
        quoted = metadata.get("headers") if isinstance(metadata, Mapping) else None
        self.headers: dict[str, str] = {}
        """The headers that OpenRouter quotes in its body."""
        if isinstance(quoted, Mapping):
            self.headers = {str(name).lower(): str(value) for name, value in quoted.items()}
        texts = (inner.get("message"), top.get("message"), top.get("detail"), error)
        found = next((text for text in texts if isinstance(text, str)), "")
        self.message = found[:_LONGEST_MESSAGE]

    def spans(self, wall: float) -> Iterator[float]:
        for place in self._places:
            details = place.get("details")
            for detail in details if isinstance(details, list) else ():
                if isinstance(detail, Mapping) and "retryDelay" in detail:
                    if (span := _retry_delay(detail["retryDelay"])) is not None:
                        yield span
            for name in ("resets_in_seconds", "retry_after_seconds", "retry_after"):
                if (span := _number(place.get(name))) is not None:
                    yield span
            if (moment := _moment(place.get("resets_at"), wall)) is not None:
                yield moment
        if any(map(is_daily, self._quotas)):
            # Of days in California (ai.google.dev, "Rate limits").
            if (span := until_midnight("America/Los_Angeles", wall)) is not None:
                yield span


def _limit_headers(headers: Mapping[str, str], wall: float) -> float | None:
    """Return the last reset among the exhausted limits of rate limit headers.

    Where no header names what remains, the soonest reset; where all have something left, None.
    """
    exhausted: list[float] = []
    unknown: list[float] = []
    for name in headers:
        found = _limit_header(headers, name, wall)
        if found is not None:
            spent, span = found
            if spent:
                exhausted.append(span)
            elif spent is None:
                unknown.append(span)
    if exhausted:
        return max(exhausted)
    return min(unknown) if unknown else None


def _limit_header(
    headers: Mapping[str, str], name: str, wall: float
) -> tuple[bool | None, float] | None:
    """Return whether a reset header's limit is spent (None: unknown), and the span."""
    if name in ("ratelimit", "x-ratelimit"):
        limit = dict(_DRAFT_LIMIT.findall(headers[name]))
        return (int(limit["r"]) == 0, float(limit["t"])) if len(limit) == 2 else None
    if name.startswith("x-codex-") and name.endswith("-reset-after-seconds"):
        used = _number(headers.get(name.replace("-reset-after-seconds", "-used-percent")))
        span = _number(headers[name])
        return None if span is None or used is None else (used >= 100, span)
    if "ratelimit" not in name or "reset" not in name:
        return None
    span = _span_or_date(headers[name], wall)
    if span is None:
        return None
    if "-unified" in name:
        status = headers.get(name.replace("-reset", "-status"))
        return (None if status is None else status == "rejected"), span
    remaining = _number(headers.get(name.replace("reset", "remaining")))
    return (None if remaining is None else remaining <= 0), span


def _spans_in_words(message: str, wall: float) -> Iterator[float]:
    if not message:
        return
    if match := _AT_WORDS.search(message):
        # Z.ai and BigModel write Beijing time without saying so.
        if (moment := _date(match[1], wall, _BEIJING)) is not None:
            yield moment
    yield from terms_in_words(message, wall)
    if match := _EPOCH_WORDS.search(message):
        yield float(match[1]) - wall


def _number(value: object) -> float | None:
    """A finite number, or text that is one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        return float(text)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def _moment(value: object, wall: float) -> float | None:
    """Return seconds until a time: seconds or milliseconds since 1970, or RFC 3339."""
    number = _number(value)
    if number is None:
        return _date(value, wall) if isinstance(value, str) else None
    return (number / 1000 if number >= _EPOCH_MS else number) - wall


def _retry_delay(value: object) -> float | None:
    """Parse a google.protobuf.Duration: `"34.5s"` in JSON, or `{"seconds": 34}`."""
    if isinstance(value, Mapping):
        return _number(value.get("seconds"))
    return _span(value) if isinstance(value, str) else _number(value)


def _span(text: str) -> float | None:
    """`34s`, `6m0s`, `12ms`, `2m59.56s`, `1d2h`."""
    text = text.strip().lower()
    if len(text) > 64 or not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _SPAN_PART.findall(text))


def _span_or_date(text: str | None, wall: float) -> float | None:
    """Parse a span (seconds, `6m0s`) or a time (since 1970, RFC 3339, HTTP date)."""
    if text is None:
        return None
    number = _number(text)
    if number is not None:
        return _moment(number, wall) if number >= _EPOCH else number
    span = _span(text)
    return _date(text, wall) if span is None else span


def _date(text: str, wall: float, zone: timezone = UTC) -> float | None:
    text = text.strip()
    if len(text) > 64:
        return None
    try:
        if _RFC3339.fullmatch(text):
            moment = datetime.fromisoformat(text)
        else:
            moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.timestamp() - wall
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
