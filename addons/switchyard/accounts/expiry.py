"""Reads when a token expires, in the spellings that providers and tools use.

Seconds and milliseconds since 1970 as numbers or digits, and RFC 3339 text. The two numbers cannot
be mistaken for each other: as seconds, milliseconds of today are a date in the year 57,000.
"""

import json
import math
from base64 import urlsafe_b64decode
from datetime import UTC
from datetime import datetime

_MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138; as milliseconds it is 1973."""


def unix_seconds(value: object) -> float | None:
    """Return a point in time as Unix seconds; None if the value is none.

    0 and an empty text mean that the tool has logged out, hence a time that is over.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _of_number(float(value))
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        return _of_number(float(text or 0))
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def seconds_from_now(value: object) -> float | None:
    """Return a lifetime (`expires_in`) in seconds, which may stand there as text; None if none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def jwt_expiry(token: str) -> float | None:
    """Return `exp` of a JSON Web Token (RFC 7519, 4.1.4) in Unix seconds; None if it has none.

    The signature is not checked: whoever issued the token has said so to itself.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    return unix_seconds(claims.get("exp")) if isinstance(claims, dict) else None


def _of_number(number: float) -> float | None:
    if not math.isfinite(number) or number < 0:
        return None
    return number / 1000 if number >= _MILLISECONDS_FROM else number
