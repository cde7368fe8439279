"""Finds mitmproxy's own addons."""

from typing import Any

from mitmproxy import ctx


def mitmproxys(name: str) -> Any:
    """One of mitmproxy's own addons, which every one of its programs has."""
    addon = ctx.master.addons.get(name)
    assert addon is not None, f"mitmproxy has no addon {name!r}"
    return addon
