"""Accepts WebSocket handshakes of the Responses API."""

from mitmproxy import connection
from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.exchange.endpoints import find_socket_endpoint
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_session import WebsocketSession
from switchyard.exchange.websocket_session import accepted
from switchyard.exchange.websocket_session import check_handshake
from switchyard.exchange.websocket_session import no_websocket
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.failover.control import FailoverControl
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State


class Websockets:
    """Answers handshakes of WebSockets for calls to models: with 101 where they can be spoken here,
    else with 426, upon which clients go on over HTTP."""

    def __init__(
        self,
        snapshots: Snapshots,
        listeners: Listeners,
        clients: Clients,
        exchanges: Exchanges,
        sessions: WebsocketSessions,
        state: State,
        failover: FailoverControl,
    ) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._clients = clients
        self._exchanges = exchanges
        self._sessions = sessions
        self._state = state
        self._failover = failover

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if "websocket" not in request.headers.get("upgrade", "").lower():
            return
        if flow.response or flow.error or not flow.live:
            return
        snapshot = self._snapshots.current
        own, host, port = self._listeners.is_own(flow), request.pretty_host, request.port
        through = "never"
        if not own:
            if not snapshot.served.serves(host, port) or not is_call_path(request):
                return
            through = snapshot.catalog.passes_through(host, port)
            if through == "always":
                return
        spoken = snapshot.config.responses_websocket and through == "never"
        if not spoken or find_socket_endpoint(request, own) is None:
            raise Refused(no_websocket(), {"connection": "close"})
        check_handshake(request)
        client = self._clients.client_of(flow)
        if client is not None and self._clients.showed_key_to_proxy(flow):
            # The connection carries nothing else, and its messages have no head of their own.
            self._clients.admit_connection(flow.client_conn.id, client)
        talk = WebsocketSession(
            flow,
            self._exchanges,
            self._state.conversations,
            self._sessions,
            flow.id in self._listeners.addressed,
            lambda: self._snapshots.current.config.limits,
        )
        flow.response = accepted(request)
        flow.comment = "a WebSocket of the Responses API; each request on it is a flow of its own"
        self._sessions[flow.client_conn.id] = talk
        self._failover.talk(flow, talk)

    def client_disconnected(self, client: connection.Client) -> None:
        if (talk := self._sessions.get(client.id)) is not None:
            talk.close()
