"""Merges a patch into values (RFC 7396, JSON Merge Patch)."""

from collections.abc import Mapping
from typing import Any


def merge(held: Any, patch: Any) -> Any:
    """Returns the values with a patch applied; null removes a member. Nothing given is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(held) if isinstance(held, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged
