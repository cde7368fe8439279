"""Writes the marks at which a prompt's beginning is cached (API reference, "CachePointBlock")."""

from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.converse.families import Family
from switchyard.wire.formats.converse.families import marks_caches

_LONG = "1h"


def cache_point(cache: JsonObject | None, family: Family) -> Iterator[JsonObject]:
    """Yields the mark behind a block with `cache`; nothing where there is none to make."""
    if cache is None or not marks_caches(family):
        return
    point: JsonObject = {"type": "default"}
    if family == "claude" and cache.get("ttl") == _LONG:
        point["ttl"] = _LONG
    yield {"cachePoint": point}
