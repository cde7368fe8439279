"""Forgets an exchange once its flow is over."""

from mitmproxy import http

from switchyard.clients.clients import Clients
from switchyard.exchange.classification import Classifier
from switchyard.exchange.registry import Exchanges
from switchyard.failover.control import FailoverControl
from switchyard.recording.flow_sinks import keeps_flows


class Release:
    """Drops exchanges that are over, and the messages of WebSockets that only pass.

    It is the last addon of the pipeline.
    """

    def __init__(
        self,
        exchanges: Exchanges,
        requests: Classifier,
        clients: Clients,
        failover: FailoverControl,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._clients = clients
        self._failover = failover

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        # mitmproxy collects all messages of a connection, which a tool may have open for hours.
        assert flow.websocket
        if len(flow.websocket.messages) > 1 and not keeps_flows():
            del flow.websocket.messages[:-1]

    def _end(self, flow: http.HTTPFlow) -> None:
        self._exchanges.end(flow)
        self._requests.forget(flow)
        self._clients.end(flow)
        self._failover.forget(flow)
