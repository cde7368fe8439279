"""Parses durations, sizes, counts, rates and money of a configuration file.

Every parser takes the value as YAML gives it (text or number) and raises `UnitError`, whose text
names the right form and never repeats the value: it may have come from the environment.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal

SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
    "mo": 2_629_800.0,
}
"""Seconds in one of each unit of time."""

_BYTES = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_THOUSANDS = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3}

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|mo|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|mo|s|m|h|d|w))+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)?", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kKMG])?", re.ASCII)
_WINDOW = re.compile(r"(\d+)?([smhdw])", re.ASCII)
_MONEY = re.compile(r"(?:\$\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*(?:USD|usd|\$)?)", re.ASCII)
_LONGEST_NUMBER = 32

MOST_COUNTED = 2**53 - 1
"""The highest limit: Redis' scripts count exactly as far as that."""

_LONGEST_WINDOW = 3660 * 86_400.0

NANO_DOLLARS = 1_000_000_000
"""Of one US dollar. Money is counted in whole nano-dollars, so that sums stay exact."""


class UnitError(ValueError):
    """A value is not of its unit. The text completes the sentence "the value ..."."""


@dataclass(frozen=True, slots=True)
class Rate:
    """An amount within a window of time, such as `50/m`."""

    amount: int
    window: float
    """Seconds."""


def parse_duration(value: object) -> float:
    """Return seconds for `500ms`, `20s`, `5m`, `1h`, `7d`, `2w`, `1mo`, `1h30m` or a number.

    A month is a twelfth of 365.25 days.
    """
    wanted = "is not a duration: write 500ms, 20s, 5m, 1h or 7d (a plain number is seconds)"
    text = _text(value, wanted)
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise UnitError(wanted)
    return sum(float(number) * SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def parse_size(value: object) -> int:
    """Return bytes for `10MB`, `1GB`, `512KiB` or a number. `MB` is 10^6, `MiB` 2^20."""
    wanted = "is not a size: write 10MB, 1GB or 512KiB (a plain number is bytes)"
    match = _SIZE.fullmatch(_text(value, wanted))
    if match is None:
        raise UnitError(wanted)
    number, unit = match.groups()
    return round(float(number) * _BYTES[(unit or "").lower()])


def parse_count(value: object) -> int:
    """A whole number; `k`, `M` and `G` stand for thousands, millions and milliards."""
    wanted = "is not a count: write 200000, 200k or 1M"
    match = _COUNT.fullmatch(_text(value, wanted))
    if match is None:
        raise UnitError(wanted)
    number, unit = match.groups()
    count = float(number) * _THOUSANDS[unit or ""]
    if not count.is_integer():
        raise UnitError(wanted)
    return int(count)


def parse_rate(value: object) -> Rate:
    """`50/m`, `1M/d`, `100/5h`: an amount within s, m, h, d or w (or several of them)."""
    wanted = "is not a rate: write 50/m, 1M/d or 100/5h (s, m, h, d, w for week)"
    text = _text(value, wanted)
    amount, slash, window = text.partition("/")
    match = _WINDOW.fullmatch(window.strip())
    if not slash or match is None:
        raise UnitError(wanted)
    try:
        count = parse_count(amount.strip())
    except UnitError:
        raise UnitError(wanted) from None
    times = int(match[1] or 1)
    if count < 1 or times < 1:
        raise UnitError("must allow at least 1 in a window of at least 1")
    if count > MOST_COUNTED:
        raise UnitError(f"must allow {MOST_COUNTED:,} at most")
    rate = Rate(count, times * SECONDS[match[2]])
    if rate.window > _LONGEST_WINDOW:
        raise UnitError("must have a window of ten years at most")
    return rate


def parse_money(value: object) -> int:
    """Return nano-dollars for `10 USD`, `$0.50` or a number of dollars."""
    wanted = "is not an amount of money: write 10 USD, $0.50 or a number of dollars"
    match = _MONEY.fullmatch(_text(value, wanted))
    if match is None:
        raise UnitError(wanted)
    amount = int(Decimal(match[1] or match[2]) * NANO_DOLLARS)
    if amount > MOST_COUNTED:
        raise UnitError(f"must be {MOST_COUNTED // NANO_DOLLARS:,} USD at most")
    return amount


def _text(value: object, wanted: str) -> str:
    """The value as text to match; numbers only where they are finite and not negative."""
    if isinstance(value, bool):
        raise UnitError(wanted)
    if isinstance(value, int | float):
        if not math.isfinite(value) or value < 0:
            raise UnitError(wanted)
        value = format(value, "d" if isinstance(value, int) else "f")
    if not isinstance(value, str):
        raise UnitError(wanted)
    text = value.strip()
    # A longer run of digits is a mistake, and could overflow a float.
    if len(text) > _LONGEST_NUMBER:
        raise UnitError(wanted)
    return text
