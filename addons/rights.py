"""What a client's key may ask for, where the name of a model in its place does not tell."""

from mitmproxy import http

from addons.access import place_of
from addons.endpoints import find_foreign_endpoint
from addons.endpoints import is_call_path
from addons.exchange import Exchange
from addons.guard import Refused
from addons.guard import guarded
from addons.masking import client_credential
from addons.paths import is_plain
from addons.policy.globs import Globs
from addons.policy.readings import readings
from addons.policy.schema import ClientKey
from addons.runtime import Runtime
from addons.wire.errors import ApiError
from addons.wire.modelmembers import other_names

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
        if flow.response or runtime.is_own(flow):
            return
        upgrades = "upgrade" in request.headers
        if request.method in _ASKING and not upgrades:
            return
        if not runtime.serves_host(request.pretty_host, request.port):
            return
        client = self._client(flow)
        if client is None or not is_restricted(client.models):
            return
        called = is_call_path(request) if upgrades else find_foreign_endpoint(request) is not None
        if called or (is_plain(request.path) and not self._is_keyless(request)):
            return
        raise _refused(f"{request.method} {request.path.partition('?')[0][:60]}", "path")

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


def check_members(exchange: Exchange, client: ClientKey | None) -> None:
    """Raises Refused where a body names other models than its key may ask for."""
    if client is None or not is_restricted(client.models):
        return
    ollama = exchange.format.name == "ollama"
    for member, model in other_names(exchange.parsed, ollama):
        if not model or not all(map(client.models.matches, readings(model))):
            raise _refused(f"the member '{member[:60]}'", member)


def is_restricted(models: Globs) -> bool:
    """Whether there are names that these patterns do not match."""
    return not any(pattern and not pattern.strip("*") for pattern in models.patterns)


def _refused(what: str, param: str) -> Refused:
    message = f"This key may not use every model, and {what} may choose one. Leave it out."
    return Refused(
        ApiError(message=message, kind="permission", code="model_not_allowed", param=param)
    )
