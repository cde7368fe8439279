"""All open WebSockets of clients."""

from mitmproxy import http

from switchyard.exchange.websocket_request import WebsocketRequest
from switchyard.exchange.websocket_session import WebsocketSession


class WebsocketSessions(dict[str, WebsocketSession]):
    """Holds the open WebSockets by the ids of their clients."""

    def request_of(self, flow: http.HTTPFlow) -> WebsocketRequest | None:
        """Returns the WebSocket request of a flow; None if it came over HTTP."""
        session = self.get(flow.client_conn.id)
        return session.session_request_of(flow) if session is not None else None
