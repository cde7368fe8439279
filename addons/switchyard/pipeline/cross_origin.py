"""Answers the preflights of web pages, and lets them read the router's answers."""

from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.clients.cross_origin import allowed_origin
from switchyard.clients.cross_origin import is_preflight
from switchyard.clients.cross_origin import open_to
from switchyard.clients.cross_origin import preflight_answer
from switchyard.exchange.classification import Classifier
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_request
from switchyard.exchange.project import PREFIX
from switchyard.exchange.project import take_from_path
from switchyard.runtime.snapshots import Snapshots


class CrossOrigin:
    """Opens the router's own address to pages of `clients.origins`.

    The management API and the dashboard stay closed to all of them. A preflight has no key, so it
    is answered before `Access` asks for one; the request that follows needs its key.
    """

    def __init__(self, snapshots: Snapshots, requests: Classifier, clients: Clients) -> None:
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients

    @guarded
    @on_request
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        origins = self._snapshots.current.config.clients.origins
        if not origins or not is_preflight(flow.request) or not self._requests.of(flow).is_own:
            return
        if flow.request.data.path.startswith(PREFIX):
            take_from_path(flow.request)
        allowed = allowed_origin(flow.request.headers["origin"], origins)
        if allowed is None or not self._is_open(flow):
            return
        flow.response = preflight_answer(flow.request, allowed)
        self._clients.refuse(flow)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        origins = self._snapshots.current.config.clients.origins
        if not origins or flow.response is None or not self._is_open(flow):
            return
        allowed = allowed_origin(flow.request.headers.get("origin"), origins)
        open_to(flow.response, allowed, origins)

    def _is_open(self, flow: http.HTTPFlow) -> bool:
        asked = self._requests.of(flow)
        managed = asked.endpoint is not None and asked.endpoint.kind == "management"
        return asked.is_own and not managed
