"""Finds out who sent a request, before any other addon decides over it."""

from mitmproxy import http

from switchyard.exchange.responses import error_response
from switchyard.listener.forwarded import note_peer
from switchyard.runtime.snapshots import Snapshots
from switchyard.wire.model.errors import ApiError
from switchyard.wire.registry import DEFAULT


class Peers:
    """Reads the headers in which `trusted-proxies` name their clients.

    Limits, delays of wrong keys, addresses of client keys and the decision whether a client is on
    this machine use the result (`switchyard.listener.forwarded.peer_of`).
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Refuses tunnels of clients behind a proxy.

        What follows in a tunnel has no such header, and would count as the proxy's own.
        """
        if note_peer(flow, self._snapshots.current.config.trusted_proxies):
            message = (
                "The router opens no tunnels for clients behind trusted-proxies. Use the router "
                "as the proxy directly."
            )
            flow.response = error_response(DEFAULT, ApiError(message=message, kind="permission"))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        note_peer(flow, self._snapshots.current.config.trusted_proxies)
