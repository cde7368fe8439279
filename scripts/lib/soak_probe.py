"""Loaded into the router's process by the soak: what is alive there, and how every flow ended.

`GET /soak` answers with the figures.
"""

import asyncio
import gc
import json
from collections import Counter
from typing import Any

from mitmproxy import ctx
from mitmproxy import http

WATCHED = (
    "FailoverLayer",
    "FailoverStream",
    "UpstreamRequest",
    "Attempt",
    "Exchange",
    "Relay",
    "Trail",
)


class Probe:
    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._ended: Counter[str] = Counter()
        self._attempts = 0
        self._failed = 0
        self._lost = 0

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        # A client may leave before its request is complete: it has no `request` hook then.
        if flow.request.method == "POST":
            self._begun.add(flow.id)

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.request.path == "/soak":
            body = json.dumps(self._figures()).encode()
            flow.response = http.Response.make(200, body, {"content-type": "application/json"})

    def attempt(self, attempt: Any) -> None:
        self._attempts += attempt.request is not None

    def attempt_ended(self, attempt: Any) -> None:
        if attempt.lost:
            self._lost += 1
        else:
            self._failed += 1

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if flow.request.method == "POST":
            self._ended[flow.id] += 1

    def _figures(self) -> dict[str, object]:
        gc.collect()
        alive = Counter(type(each).__name__ for each in gc.get_objects())
        addons_there: Any = ctx.master.addons
        failover = addons_there.get("failover")
        return {
            "begun": len(self._begun),
            "ended": len(self._ended),
            "ended-twice": sum(times > 1 for times in self._ended.values()),
            "never-ended": len(self._begun - self._ended.keys()),
            "attempts": self._attempts,
            "attempts-failed": self._failed,
            "attempts-overtaken": self._lost,
            "tasks": len(asyncio.all_tasks()),
            "connections": len(addons_there.get("proxyserver").connections),
            "routed": len(failover._routed),
            "own": len(failover._own),
            "alive": {name: alive[name] for name in WATCHED},
        }


addons = [Probe()]
