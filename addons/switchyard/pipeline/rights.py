"""Limits the requests of client keys whose model the router cannot see."""

from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.clients.keys import client_credentials
from switchyard.clients.rights import is_restricted
from switchyard.clients.rights import refused_model
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.guard import guarded
from switchyard.exchange.paths import is_plain
from switchyard.exchange.registry import Exchanges
from switchyard.runtime.snapshots import Snapshots

_ASKING = ("GET", "HEAD", "OPTIONS")
"""Methods that make no model run (RFC 9110, 9.2.1)."""


class Rights:
    """Refuses passthrough requests of client keys that may not use every model.

    The router cannot see which model such a request uses.
    """

    def __init__(
        self, snapshots: Snapshots, requests: Classifier, clients: Clients, exchanges: Exchanges
    ) -> None:
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if flow.response or (asked := self._requests.of(flow)).is_own:
            return
        upgrades = "upgrade" in request.headers
        if request.method in _ASKING and not upgrades:
            return
        if not self._snapshots.current.served.serves(request.pretty_host, request.port):
            return
        client = self._client(flow)
        if client is None or not is_restricted(client.models):
            return
        called = is_call_path(request) if upgrades else asked.is_routed
        if called or (is_plain(request.path) and not self._is_keyless(request)):
            return
        raise refused_model(f"{request.method} {request.path.partition('?')[0][:60]}", "path")

    def _client(self, flow: http.HTTPFlow) -> ClientKey | None:
        """Returns the client key that the proxy received, or that the request itself has."""
        known = self._clients.client_of(flow)
        known = known or self._clients.holder_of(flow.client_conn.id)
        if known is not None:
            return known
        given = client_credentials(self._exchanges.head_of(flow))
        found = map(self._snapshots.current.client_key, given)
        return next((one for one in found if one is not None), None)

    def _is_keyless(self, request: http.Request) -> bool:
        """Whether a provider at that address requires no key.

        Then no other server decides which requests are allowed.
        """
        return self._snapshots.current.served.is_keyless(request.pretty_host, request.port)
