"""Accepts WebSocket handshakes of the Responses API."""

from mitmproxy import connection
from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.exchange.classification import Classifier
from switchyard.exchange.endpoints import find_socket_endpoint
from switchyard.exchange.endpoints import is_call_path
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import on_request
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_handshake import accepted
from switchyard.exchange.websocket_handshake import asks_for_websocket
from switchyard.exchange.websocket_handshake import check_handshake
from switchyard.exchange.websocket_handshake import no_websocket
from switchyard.exchange.websocket_session import WebsocketSession
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.failover.control import FailoverControl
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State


class Websockets:
    """Answers WebSocket handshakes for calls to models.

    The status is 101 if the router can use WebSocket there, else 426, upon which clients go on over
    HTTP.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        listeners: Listeners,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        sessions: WebsocketSessions,
        state: State,
        failover: FailoverControl,
    ) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._sessions = sessions
        self._state = state
        self._failover = failover

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if not asks_for_websocket(request):
            return
        spoken = self._is_spoken(request, self._requests.of(flow).is_own)
        if spoken is None:
            return
        if not spoken:
            raise Refused(no_websocket(), {"connection": "close"})
        check_handshake(request)
        flow.response = accepted(request)
        flow.comment = "a WebSocket of the Responses API; each request on it is a flow of its own"
        self._open_session(flow)

    def client_disconnected(self, client: connection.Client) -> None:
        if (session := self._sessions.get(client.id)) is not None:
            session.close()

    def _is_spoken(self, request: http.Request, own: bool) -> bool | None:
        """Whether the router uses WebSocket at the address of a handshake.

        None if it is not the router that answers the handshake.
        """
        snapshot, host, port = self._snapshots.current, request.pretty_host, request.port
        through = "never"
        if not own:
            if not snapshot.served.serves(host, port) or not is_call_path(request):
                return None
            through = snapshot.catalog.passes_through(host, port)
            if through == "always":
                return None
        if not snapshot.config.responses_websocket or through != "never":
            return False
        return find_socket_endpoint(request, own) is not None

    def _open_session(self, flow: http.HTTPFlow) -> None:
        client_id = flow.client_conn.id
        client = self._clients.client_of(flow)
        if client is not None and self._clients.showed_key_to_proxy(flow):
            # The connection has no other requests, and its messages have no head of their own.
            self._clients.admit_connection(client_id, client)
        session = self._sessions[client_id] = WebsocketSession(
            flow,
            self._exchanges,
            self._state.conversations,
            self._sessions,
            flow.id in self._listeners.addressed,
            lambda: self._snapshots.current.config.limits,
        )
        self._failover.open_session(flow, session)
