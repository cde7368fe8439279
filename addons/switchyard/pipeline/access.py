"""Admits clients by their client keys."""

import asyncio
from collections.abc import Awaitable
from collections.abc import Sequence

from mitmproxy import connection
from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.clients.holders import ask
from switchyard.clients.holders import check_holder
from switchyard.clients.holders import may_use
from switchyard.clients.key_format import is_mistyped
from switchyard.clients.key_format import key_id
from switchyard.clients.keys import client_credentials
from switchyard.clients.keys import proxy_credentials
from switchyard.clients.pages import check_foreign_page
from switchyard.clients.pages import check_host
from switchyard.clients.pages import check_own_page
from switchyard.clients.wrong_keys import WrongKeys
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.classification import Classification
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.exchange import Admission
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_request
from switchyard.exchange.guard import refuse
from switchyard.exchange.project import PREFIX
from switchyard.exchange.project import take_from_path
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_handshake import asks_for_websocket
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.listener.addresses import knows_its_clients
from switchyard.listener.addresses import may_pass
from switchyard.listener.forwarded import peer_of
from switchyard.reach import Reach
from switchyard.runtime.snapshots import Snapshots
from switchyard.wire.model.errors import ApiError

_FINAL = {"www-authenticate": "Bearer", "x-should-retry": "false"}
"""Claude Code repeats a 401 for minutes otherwise."""


class WrongKey(Refused):
    """The client sent a key that is not configured."""


class MissingKey(Refused):
    """The client sent no key although one is required."""


class Access:
    """Admits requests that have one of the configured client keys.

    Without configured keys it admits all; the router then listens on loopback only. The decision
    uses a request's head, before any other addon sees it and before its body is read. It is made
    anew for each request by the configuration in force. A refused request is answered at once, and
    its body is not kept (see `switchyard.failover.request_stream`).
    """

    def __init__(
        self,
        snapshots: Snapshots,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        sessions: WebsocketSessions,
        reach: Reach,
        wrong_keys: WrongKeys,
    ) -> None:
        """Takes the parts it reads; `wrong_keys` is shared with all other key checks."""
        self._snapshots = snapshots
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._sessions = sessions
        self._reach = reach
        self._wrong_keys = wrong_keys

    def http_connect(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Checks the key of a CONNECT, which counts for all requests in the tunnel.

        The requests thus stay free for the client's own login. After a wrong key the decision is
        delayed.
        """
        if flow.response is not None:
            return None
        shown = self._take_proxy_key(flow)
        self._clients.disconnected(flow.client_conn.id)
        if shown is not None and may_use(shown, peer_of(flow)):
            self._clients.admit_connection(flow.client_conn.id, shown)
        elif shown is not None:
            self._clients.bar_connection(flow.client_conn.id, shown)
        elif self._tries_proxy_key(flow):
            return asyncio.sleep(self._slow_down(flow))
        return None

    @on_request
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if flow.request.data.path.startswith(PREFIX) and self._requests.of(flow).is_own:
            take_from_path(flow.request)
        try:
            self._decide(flow)
        except Exception as e:
            refuse(flow, e)
            if isinstance(e, MissingKey):
                self._wrong_keys.note_missing(peer_of(flow))
            wrong = isinstance(e, WrongKey)
            self._clients.refuse(flow, self._slow_down(flow) if wrong else 0.0)

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> None:
        """Decides again once the body is complete: the key may have been removed."""
        admission = self._clients.admission_of(flow)
        if admission is None:
            self._decide(flow)
        elif admission.config is not self._snapshots.current.config:
            self._decide_anew(flow, admission)

    def client_disconnected(self, client: connection.Client) -> None:
        self._clients.disconnected(client.id)

    def _decide(self, flow: http.HTTPFlow) -> None:
        """Admits a request, or raises Refused."""
        if self._lacks_certificate(flow):
            message = "Clients on other machines must show this router a certificate, by https."
            raise Refused(ApiError(message=message, kind="permission"))
        shown = self._shown_to_proxy(flow)
        if shown is None and self._tries_proxy_key(flow) and not may_pass(peer_of(flow)):
            raise _unknown_proxy_key()
        asked, own_key = self._requests.of(flow), None
        if _asks_us(flow.request, asked) and not _is_managed(asked):
            if self._snapshots.current.client_keys and _needs_key(asked):
                own_key = self._own_key(flow, shown is not None)
            if own_key is None:
                self._check_page(flow, asked)
        self._admit(flow, own_key or shown, by_proxy=own_key is None and shown is not None)

    def _decide_anew(self, flow: http.HTTPFlow, before: Admission) -> None:
        if before.client is None:
            self._decide(flow)
            return
        client = self._in_force(before.client)
        if client is None and self._snapshots.current.client_keys:
            raise WrongKey(_unknown_key((), before.config.clients.contact).error)
        self._admit(flow, client, before.by_proxy and client is not None)

    def _admit(self, flow: http.HTTPFlow, client: ClientKey | None, by_proxy: bool) -> None:
        config = self._snapshots.current.config
        if client is not None:
            try:
                check_holder(client, peer_of(flow), config.clients.contact)
            except Refused:
                self._clients.turn_away(flow, client)
                raise
        admission = Admission(config=config, client=client, by_proxy=by_proxy)
        self._clients.admit(flow, admission)

    def _own_key(self, flow: http.HTTPFlow, shown: bool) -> ClientKey | None:
        """Returns the client key that a request itself has.

        None if it needs none, because a key was `shown` to the proxy or the listener identifies the
        client: then it may have a login of its own. Raises Refused.
        """
        snapshot, given = self._snapshots.current, list[str]()
        for credential in client_credentials(self._exchanges.head_of(flow)):
            if (client := snapshot.client_key(credential)) is not None:
                return client
            given.append(credential)
        if shown or knows_its_clients(flow.client_conn.proxy_mode):
            return None
        contact = snapshot.config.clients.contact
        if given or self._tries_proxy_key(flow):
            raise _unknown_key(given, contact)
        message = (
            "The router needs a client key. Send it as 'Authorization: Bearer KEY' or 'x-api-key'."
        )
        raise MissingKey(ApiError(message=ask(message, contact), kind="authentication"), _FINAL)

    def _shown_to_proxy(self, flow: http.HTTPFlow) -> ClientKey | None:
        """Returns the key that the proxy received for a request.

        It comes with the request itself (RFC 9110, 11.7.2), or with its tunnel or WebSocket. A
        request outside of these has no key, whatever earlier requests on the connection had:
        clients may share it.
        """
        if "proxy-authorization" in flow.request.data.headers:
            return self._take_proxy_key(flow)
        connection = flow.client_conn.id
        return self._clients.holder_of(connection) or self._clients.barred_holder_of(connection)

    def _take_proxy_key(self, flow: http.HTTPFlow) -> ClientKey | None:
        """Returns the key in `Proxy-Authorization`, and removes it from the request.

        It is meant for the router, and no other server may see it.
        """
        given = flow.request.headers.get("proxy-authorization")
        if given is None or not self._snapshots.current.client_keys:
            return None
        for candidate in proxy_credentials(given):
            if (client := self._snapshots.current.client_key(candidate)) is not None:
                del flow.request.headers["proxy-authorization"]
                return client
        return None

    def _tries_proxy_key(self, flow: http.HTTPFlow) -> bool:
        """Whether a request still has a `Proxy-Authorization`, and so a wrong key."""
        asks = bool(self._snapshots.current.client_keys)
        return asks and "proxy-authorization" in flow.request.headers

    def _in_force(self, client: ClientKey) -> ClientKey | None:
        """Returns the same key with its current rights; None if it was removed."""
        return self._snapshots.current.client_keys.again(client)

    def _slow_down(self, flow: http.HTTPFlow) -> float:
        return self._wrong_keys.slow_down(peer_of(flow))

    def _lacks_certificate(self, flow: http.HTTPFlow) -> bool:
        if not self._reach.lacks_certificate(peer_of(flow)):
            return False
        # A captured client addresses another server, which requires no such certificate.
        return self._requests.of(flow).is_own or not may_pass(peer_of(flow))

    def _check_page(self, flow: http.HTTPFlow, asked: Classification) -> None:
        """Raises Refused for another site's page, unless the request has a client key."""
        request, snapshot = flow.request, self._snapshots.current
        if asked.is_own:
            if snapshot.client_keys and not _needs_key(asked):
                return
            check_own_page(request, snapshot.config.clients.origins)
            # A request on a WebSocket has the head of its handshake, which was checked.
            if not snapshot.client_keys and self._sessions.request_of(flow) is None:
                names = snapshot.config.clients.host_names
                check_host(self._clients.host_of(flow), names)
        elif snapshot.catalog.passes_through(request.pretty_host, request.port) != "always":
            check_foreign_page(request)


def _asks_us(request: http.Request, asked: Classification) -> bool:
    """Whether the router itself answers a request.

    It does if the request is addressed to it, or is a call at a provider's own host, where a GET
    opens a WebSocket.
    """
    if asked.is_own or asked.is_routed:
        return True
    if asked.kind != "provider":
        return False
    return asks_for_websocket(request) and is_call_path(request)


def _is_managed(asked: Classification) -> bool:
    """Whether a request is for the management API, which has a guard of its own."""
    return asked.endpoint is not None and asked.endpoint.kind == "management"


def _needs_key(asked: Classification) -> bool:
    # A health check has no key, and a greeting reveals nothing.
    endpoint = asked.endpoint
    return not (asked.is_own and endpoint and endpoint.kind in ("health", "ready", "greeting"))


def _unknown_key(given: Sequence[str], contact: str) -> WrongKey:
    """Returns the refusal of credentials of which none is a client key.

    It tells an issued key that was copied badly from one that is gone.
    """
    gone = next(filter(None, map(key_id, given)), None)
    if any(map(is_mistyped, given)):
        message = "The key is mistyped: its checksum is wrong. Copy it once more, as a whole."
    elif gone is not None:
        message = f"The key {gone!r} is not, or no longer, a client key of this router."
    else:
        message = "The key is not a client key of this router. Send one of clients.api-keys."
    return WrongKey(ApiError(message=ask(message, contact), kind="authentication"), _FINAL)


def _unknown_proxy_key() -> WrongKey:
    """Returns the proxy's refusal of a wrong key in `Proxy-Authorization`.

    It is the proxy that must refuse it (RFC 9110, 15.5.8).
    """
    message = "The proxy's password is not one of this router's client keys."
    return WrongKey(
        ApiError(message=message, kind="authentication", status=407),
        {"proxy-authenticate": 'Basic realm="Switchyard"'},
    )
