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
        self._running: set[str] = set()
        """Of ended flows nothing is kept: the soak measures the memory of the process."""
        self._begun = 0
        self._ended = 0
        self._ended_twice = 0
        self._attempts = 0
        self._failed = 0
        self._lost = 0

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        # A client may leave before its request is complete: it has no `request` hook then.
        if flow.request.method == "POST":
            self._begun += 1
            self._running.add(flow.id)

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
        if flow.request.method != "POST":
            return
        if flow.id in self._running:
            self._running.remove(flow.id)
            self._ended += 1
        else:
            self._ended_twice += 1

    def _figures(self) -> dict[str, object]:
        gc.collect()
        alive = Counter(type(each).__name__ for each in gc.get_objects())
        addons_there: Any = ctx.master.addons
        failover = addons_there.get("failover")
        return {
            "begun": self._begun,
            "ended": self._ended,
            "ended-twice": self._ended_twice,
            "never-ended": len(self._running),
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
