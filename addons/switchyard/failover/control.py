"""The interface between addons and the failover layer."""

from typing import Protocol

from mitmproxy import http

from switchyard.protocols.websocket import ClientSession


class FailoverControl(Protocol):
    """The part of the addon `Failover` that other addons use."""

    def route(self, flow: http.HTTPFlow) -> None:
        """Sends the flow's request by attempts only from now on."""
        ...

    def open_session(self, flow: http.HTTPFlow, session: ClientSession) -> None:
        """Notes the session that begins with the flow's WebSocket handshake."""
        ...

    def forget(self, flow: http.HTTPFlow) -> None:
        """Drops what is kept for a flow that is over."""
        ...


class Heads(Protocol):
    """Decides over requests by their heads, in the hook `requestheaders`."""

    def note_host(self, flow: http.HTTPFlow, host: str) -> None:
        """Notes the `Host` of a client's request, which mitmproxy then overwrites."""
        ...

    def take_refusal(self, flow: http.HTTPFlow) -> float | None:
        """Returns the seconds until a flow is refused with the response that it has.

        None if its request goes on.
        """
        ...
