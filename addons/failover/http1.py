"""The HTTP/1 server towards clients, with fewer steps than mitmproxy's for what comes most."""

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import Http1Connection
from mitmproxy.proxy.layers.http import Http1Server
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestEndOfMessage


class QuickHttp1(Http1Connection):
    """What both sides of HTTP/1 have in common: neither ever waits for anything."""

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if self.debug is not None:
            return super().handle_event(event)
        if isinstance(event, HttpEvent):
            return self.send(event)
        if type(event) is events.DataReceived and self.state != self.passthrough:
            self.buf += event.data
        return self.state(event)


class QuickHttp1Server(QuickHttp1, Http1Server):
    """Towards a client."""

    @classmethod
    def adopt(cls, layer: Layer) -> None:
        """Give the layer of a client's connection our class, if it speaks HTTP/1."""
        if type(layer) is Http1Server:
            layer.__class__ = cls
            layer.state = layer.read_headers

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        try:
            yield from super().read_body(event)
        except NotImplementedError:
            # Trailers, which mitmproxy does not implement: it would log a crash, and the client
            # wait for ever. The body is complete, and nobody here asks for them.
            assert self.stream_id is not None
            yield ReceiveHttp(RequestEndOfMessage(self.stream_id))
            yield from self.mark_done(request=True)
