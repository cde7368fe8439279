"""Who may call."""

import hmac

from mitmproxy import http

from addons.endpoints import find_endpoint
from addons.endpoints import find_foreign_endpoint
from addons.guard import Refused
from addons.guard import guarded
from addons.masking import client_credential
from addons.own_address import knows_its_clients
from addons.runtime import Runtime
from addons.wire.errors import ApiError


class Access:
    """Admits requests that carry one of the configured client keys; all, if none is configured
    (the router then listens on loopback only)."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.error or not flow.live:
            return
        keys = self._runtime.client_keys
        if not keys or not self._needs_key(flow):
            return
        given = client_credential(self._runtime.exchanges.head_of(flow))
        known = knows_its_clients(flow.client_conn.proxy_mode)
        if given is None and known:
            return
        if given is None:
            raise _refused(
                "This router asks for a key: send one as 'Authorization: Bearer KEY' or as "
                "'x-api-key'."
            )
        place = place_of(given.get_secret_value(), keys)
        if place is None and known:
            return
        if place is None:
            raise _refused("The key is not one of this router's client keys.")
        self._runtime.exchanges.admit(flow, self._runtime.config.clients.api_keys[place])

    def _needs_key(self, flow: http.HTTPFlow) -> bool:
        runtime = self._runtime
        if runtime.is_own(flow):
            endpoint = find_endpoint(flow.request)
            # A health check has no key to show, and a greeting tells nothing.
            return endpoint is None or endpoint.kind not in ("health", "greeting")
        served = runtime.serves_host(flow.request.pretty_host, flow.request.port)
        return served and find_foreign_endpoint(flow.request) is not None


def place_of(given: str, keys: tuple[bytes, ...]) -> int | None:
    """Where `given` stands among the keys. Takes the same time whichever it is, or none."""
    candidate = given.encode("utf-8", "surrogateescape")
    found = None
    for place, key in enumerate(keys):
        if hmac.compare_digest(candidate, key):
            found = place
    return found


def _refused(message: str) -> Refused:
    return Refused(ApiError(message=message, kind="authentication"), {"www-authenticate": "Bearer"})
