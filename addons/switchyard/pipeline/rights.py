"""What a client's key may ask for, where the name of a model in its place does not tell."""

from mitmproxy import http

from switchyard.clients.keys import client_credential
from switchyard.clients.keys import place_of
from switchyard.clients.rights import is_restricted
from switchyard.clients.rights import refused_model
from switchyard.config.schema import ClientKey
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.guard import guarded
from switchyard.exchange.paths import is_plain
from switchyard.runtime import Runtime

_ASKING = ("GET", "HEAD", "OPTIONS")
"""Methods that have no model do anything (RFC 9110, 9.2.1)."""


class Rights:
    """Refuses what would pass to a provider unseen, where the client's key may not ask for every
    model: whether it asks for one cannot be told."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        runtime, request = self._runtime, flow.request
        if flow.response or (asked := runtime.requests.of(flow)).is_own:
            return
        upgrades = "upgrade" in request.headers
        if request.method in _ASKING and not upgrades:
            return
        if not runtime.serves_host(request.pretty_host, request.port):
            return
        client = self._client(flow)
        if client is None or not is_restricted(client.models):
            return
        called = is_call_path(request) if upgrades else asked.is_routed
        if called or (is_plain(request.path) and not self._is_keyless(request)):
            return
        raise refused_model(f"{request.method} {request.path.partition('?')[0][:60]}", "path")

    def _client(self, flow: http.HTTPFlow) -> ClientKey | None:
        """Whose key the request came with, to the proxy or by itself."""
        runtime = self._runtime
        known = runtime.exchanges.client_of(flow)
        known = known or runtime.exchanges.holder_of(flow.client_conn.id)
        if known is not None:
            return known
        given = client_credential(runtime.exchanges.head_of(flow))
        if given is None or not runtime.client_keys:
            return None
        place = place_of(given.get_secret_value(), runtime.client_keys)
        return None if place is None else runtime.config.clients.api_keys[place]

    def _is_keyless(self, request: http.Request) -> bool:
        """Whether a provider at that address asks for no key, so that nobody else decides what may
        be asked of it."""
        address = request.pretty_host.lower(), request.port
        return address in self._runtime.keyless_hosts
