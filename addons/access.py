"""Who may call."""

import base64
import hmac
from urllib.parse import urlsplit

from mitmproxy import connection
from mitmproxy import http

from addons.endpoints import find_endpoint
from addons.endpoints import find_foreign_endpoint
from addons.guard import Refused
from addons.guard import guarded
from addons.masking import client_credential
from addons.own_address import is_loopback
from addons.own_address import knows_its_clients
from addons.own_address import may_pass
from addons.reach import lacks_certificate
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
        if self._lacks_certificate(flow):
            message = "Clients on other machines must show this router a certificate, by https."
            raise Refused(ApiError(message=message, kind="permission"))
        keys = self._runtime.client_keys
        if not keys and self._runtime.is_own(flow):
            check_origin(flow.request)
        if not keys or not self._needs_key(flow):
            return
        if (holder := self._runtime.exchanges.holder_of(flow.client_conn.id)) is not None:
            self._runtime.exchanges.admit(flow, holder)
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

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self._note_proxy_key(flow)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._note_proxy_key(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        self._runtime.exchanges.disconnected(client.id)

    def _note_proxy_key(self, flow: http.HTTPFlow) -> None:
        """A client that shows its key to the proxy keeps its requests free for its own login."""
        keys, exchanges = self._runtime.client_keys, self._runtime.exchanges
        if not keys:
            return
        given = exchanges.head_of(flow).headers.get("proxy-authorization")
        if given is None:
            return
        for candidate in proxy_credentials(given):
            if (place := place_of(candidate, keys)) is not None:
                client = self._runtime.config.clients.api_keys[place]
                exchanges.admit_connection(flow.client_conn.id, client)
                # It was for us: nobody that the request goes on to may see it.
                del flow.request.headers["proxy-authorization"]
                return

    def _lacks_certificate(self, flow: http.HTTPFlow) -> bool:
        if not lacks_certificate(self._runtime, flow.client_conn):
            return False
        # Whose connections are captured speaks to somebody else, who asks for no such thing.
        return self._runtime.is_own(flow) or not may_pass(flow.client_conn)

    def _needs_key(self, flow: http.HTTPFlow) -> bool:
        runtime = self._runtime
        if runtime.is_own(flow):
            endpoint = find_endpoint(flow.request)
            # A health check has no key to show, and a greeting tells nothing.
            return endpoint is None or endpoint.kind not in ("health", "greeting")
        return runtime.serves(flow.request) and find_foreign_endpoint(flow.request) is not None


def check_origin(request: http.Request) -> None:
    """Raises Refused for a page of somebody else's site, where no key tells who calls: browsers let
    any page open a WebSocket to this machine (RFC 6455, 10.2) and post to it what passes for a form
    (Fetch, "CORS-safelisted request-header"), and a name may be bent to it (DNS rebinding)."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    try:
        scheme, host = urlsplit(origin).scheme, urlsplit(origin).hostname or ""
    except ValueError:
        scheme, host = "http", ""
    # Programs that are made of web pages have schemes of their own.
    of_the_web = scheme in ("http", "https") or origin == "null"
    if of_the_web and not is_loopback(host):
        message = (
            "Pages of other sites may not call this router without a key. Configure one in "
            "'clients: api-keys', and send it."
        )
        raise Refused(ApiError(message=message, kind="permission"), {"connection": "close"})


def proxy_credentials(header: str) -> list[str]:
    """What may be a key in a `Proxy-Authorization`: the token of `Bearer`, or the password and the
    user of `Basic` (RFC 7617), as `HTTPS_PROXY=http://any:KEY@host:port` has clients send it."""
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return [rest.strip()]
        case "basic":
            try:
                decoded = base64.b64decode(rest.strip(), validate=True).decode()
            except ValueError:
                return []
            user, _, password = decoded.partition(":")
            return [text for text in (password, user) if text]
    return []


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
