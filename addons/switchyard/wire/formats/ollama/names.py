"""Defines names of Ollama's API that several modules of this package share.

The whole package follows Ollama's documentation "API" (`/api/chat`, `/api/generate`), its Go types
(`api/types.go`), its official Python SDK, and the recorded traffic.
"""

from datetime import UTC
from datetime import datetime

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "ollama"
"""Name of this format, and key of its reader's members in an `extra` field."""


def own(extra: JsonObject) -> JsonObject:
    """Returns what this format's reader left in an `extra` field; else empty."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """Returns an `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


_MILLISECONDS = 10**11
"""Times from this value on are in milliseconds; as seconds they would lie after the year 5138."""


def time_of(seconds: int) -> str:
    """Converts Unix seconds to the form of `created_at`."""
    if not 0 <= seconds < _MILLISECONDS:
        seconds = min(max(seconds // 1000, 0), _MILLISECONDS)  # some providers send finer units
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(value: object) -> int | None:
    """Converts a `created_at` (RFC 3339, up to nanoseconds) to Unix seconds."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
