"""What addons tell the failover layer, and ask of it."""

from typing import Protocol

from mitmproxy import http

from switchyard.protocols.websocket import ClientSession


class FailoverControl(Protocol):
    """The part of the addon `Failover` that other addons use."""

    def route(self, flow: http.HTTPFlow) -> None:
        """From now on the flow's request is sent by attempts only."""
        ...

    def talk(self, flow: http.HTTPFlow, talk: ClientSession) -> None:
        """The flow is answered with a WebSocket's handshake, and its connection is talked on."""
        ...

    def forget(self, flow: http.HTTPFlow) -> None:
        """The flow is over."""
        ...
