"""Forgets an exchange once its flow is over."""

from mitmproxy import http

from switchyard.recording.flow_sinks import keeps_flows
from switchyard.runtime import Runtime


class Release:
    """Lets go of every exchange that is over, and of what was said over WebSockets that only pass.
    The last of the pipeline."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

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
        self._runtime.exchanges.end(flow)
        self._runtime.requests.forget(flow)
        self._runtime.failover.forget(flow)
