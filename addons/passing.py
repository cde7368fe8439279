"""Requests to served hosts that ask no model: they go through as they are, and as they come."""

from mitmproxy import http

from addons.endpoints import find_foreign_endpoint
from addons.own_address import may_pass
from addons.runtime import Runtime


class Passing:
    """Has mitmproxy pass both bodies on piece by piece: neither is read here, and nobody waits for
    the rest of one longer than without us."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not self._passes(flow) or not may_pass(flow.client_conn):
            return
        if "upgrade" not in flow.request.headers:
            flow.request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and flow.response.status_code != 101 and self._passes(flow):
            flow.response.stream = True

    def _passes(self, flow: http.HTTPFlow) -> bool:
        runtime, request = self._runtime, flow.request
        if flow.response is not None and runtime.exchanges.get(flow) is not None:
            return False
        if runtime.is_own(flow) or not runtime.serves_host(request.pretty_host, request.port):
            return False
        return find_foreign_endpoint(request) is None
