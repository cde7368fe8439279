"""Words of Ollama's API that several modules of this package share.

Everything in this package follows Ollama's documentation "API" (`/api/chat`, `/api/generate`), its
Go types (`api/types.go`), its official Python SDK, and what the recorded traffic holds.
"""

from datetime import UTC
from datetime import datetime

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject

NAME = "ollama"
"""This format's name. What its reader leaves in an `extra` field is kept under this key."""


def own(extra: JsonObject) -> JsonObject:
    """What this format's reader left in an `extra` field; empty for another format's."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """An `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


_MILLISECONDS = 10**11
"""A time from here on counts milliseconds: as seconds it would be in the year 5138."""


def time_of(seconds: int) -> str:
    """Unix seconds as `created_at` says them."""
    if not 0 <= seconds < _MILLISECONDS:
        seconds = min(max(seconds // 1000, 0), _MILLISECONDS)  # some providers count finer
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(value: object) -> int | None:
    """The Unix seconds of a `created_at` (RFC 3339, up to nanoseconds)."""
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
