"""What addons tell the failover layer, and ask of it."""

from typing import Protocol

from mitmproxy import http

from switchyard.protocols.websocket import ClientSession


class FailoverControl(Protocol):
    """The part of the addon `Failover` that other addons use."""

    def route(self, flow: http.HTTPFlow) -> None:
        """From now on the flow's request is sent by attempts only."""
        ...

    def open_session(self, flow: http.HTTPFlow, session: ClientSession) -> None:
        """The flow is answered with a WebSocket's handshake, which opens the session."""
        ...

    def forget(self, flow: http.HTTPFlow) -> None:
        """The flow is over."""
        ...


class Heads(Protocol):
    """Who decides over requests by their heads, in the hook `requestheaders`."""

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        """The `Host` that a client named, where mitmproxy writes another in its place."""
        ...

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        """The seconds after which a flow shall be refused, with the response that it has; None
        where its request goes on."""
        ...
