"""Hands flows to those addons of mitmproxy that keep them.

These are its list of flows, dump files and HAR exports. A flow that mitmproxy did not make goes to
these alone: other addons might change it, hold it for the user or send it.
"""

from collections.abc import Iterator
from typing import Any

from mitmproxy import ctx
from mitmproxy import http

_VIEW = "view"
_FILES = {"save": "save_stream_file", "savehar": "hardump"}
"""By addon, the option that has it keep flows."""


_BODIES_FROM = 3
"""The `flow_detail` from which mitmdump prints bodies (its option's description)."""


def keeps_flows() -> bool:
    """Whether flows are kept anywhere after they are over, or printed with their bodies."""
    return next(_keepers(), None) is not None or _prints_bodies()


def _prints_bodies() -> bool:
    detail = ctx.options.flow_detail if "flow_detail" in ctx.options else 0
    return detail >= _BODIES_FROM and ctx.master.addons.get("dumper") is not None


def shows_flows() -> bool:
    """Whether there is a list of flows that people look at (mitmweb, mitmproxy)."""
    return ctx.master.addons.get(_VIEW) is not None


def store_flow(flow: http.HTTPFlow) -> None:
    """Has a flow kept that is over already, as if it had just been on its way."""
    ended = "error" if flow.error is not None else "response"
    for addon in _keepers():
        for hook in ("requestheaders", "request", "responseheaders", ended):
            if (handler := getattr(addon, hook, None)) is not None:
                handler(flow)


def refresh_flow(flow: http.HTTPFlow) -> None:
    """Has the list of flows show what a flow is now."""
    if (view := ctx.master.addons.get(_VIEW)) is not None:
        view.update([flow])


def kept_flows() -> list[http.HTTPFlow]:
    """All flows that the list has, whatever filter is set."""
    view = ctx.master.addons.get(_VIEW)
    flows = view.resolve("@all") if view is not None else []
    return [flow for flow in flows if isinstance(flow, http.HTTPFlow)]


def _keepers() -> Iterator[Any]:
    addons = ctx.master.addons
    if (view := addons.get(_VIEW)) is not None:
        yield view
    for name, option in _FILES.items():
        if getattr(ctx.options, option, None) and (addon := addons.get(name)) is not None:
            yield addon
