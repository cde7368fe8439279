"""Accepts WebSocket handshakes of the Responses API."""

from mitmproxy import connection
from mitmproxy import http

from switchyard.exchange.endpoints import find_socket_endpoint
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_request
from switchyard.exchange.websocket_handshake import accepted
from switchyard.exchange.websocket_handshake import check_handshake
from switchyard.exchange.websocket_handshake import no_websocket
from switchyard.exchange.websocket_session import WebsocketSession
from switchyard.runtime import Runtime


class Websockets:
    """Answers handshakes of WebSockets for calls to models: with 101 where they can be spoken here,
    else with 426, upon which clients go on over HTTP."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if "websocket" not in request.headers.get("upgrade", "").lower():
            return
        spoken = self._is_spoken(request, self._runtime.requests.of(flow).is_own)
        if spoken is None:
            return
        if not spoken:
            raise Refused(no_websocket(), {"connection": "close"})
        check_handshake(request)
        flow.response = accepted(request)
        flow.comment = "a WebSocket of the Responses API; each request on it is a flow of its own"
        self._open_session(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        if (session := self._runtime.sessions.get(client.id)) is not None:
            session.close()

    def _is_spoken(self, request: http.Request, own: bool) -> bool | None:
        """Whether the router speaks WebSocket where a handshake is addressed; None where it is not
        the router's to answer."""
        runtime, host, port = self._runtime, request.pretty_host, request.port
        through = "never"
        if not own:
            if not runtime.serves_host(host, port) or not is_call_path(request):
                return None
            through = runtime.catalog.passes_through(host, port)
            if through == "always":
                return None
        if not runtime.config.responses_websocket or through != "never":
            return False
        return find_socket_endpoint(request, own) is not None

    def _open_session(self, flow: http.HTTPFlow) -> None:
        runtime, client_id = self._runtime, flow.client_conn.id
        client = runtime.exchanges.client_of(flow)
        if client is not None and runtime.exchanges.showed_key_to_proxy(flow):
            # The connection carries nothing else, and its messages have no head of their own.
            runtime.exchanges.admit_connection(client_id, client)
        session = runtime.sessions[client_id] = WebsocketSession(
            flow,
            runtime.exchanges,
            runtime.conversations,
            runtime.sessions,
            runtime.failover.is_addressed_to_us(flow),
            lambda: runtime.config.limits,
        )
        runtime.failover.open_session(flow, session)
