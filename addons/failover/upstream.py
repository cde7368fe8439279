"""The HTTP/1 client towards upstreams, more patient than mitmproxy's."""

import re

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import Http1Client
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import ResponseEndOfMessage

from addons.failover.http1 import QuickHttp1

_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[ \r]")


class PatientHttp1Client(QuickHttp1, Http1Client):
    """Skips interim responses (100, 102, 103), which may precede any answer (RFC 9110, 15.2).

    mitmproxy takes the first of them for the answer and then stumbles over the real one. A switch
    of protocols (101) is an answer.
    """

    @classmethod
    def adopt(cls, stack: Layer) -> None:
        """Give the connection whose layers `stack` belongs to our client, if it speaks HTTP/1."""
        layer = stack.context.layers[-1]
        if type(layer) is Http1Client:
            layer.__class__ = cls
            if getattr(layer.state, "__func__", None) is Http1Client.read_headers:
                layer.state = layer.read_headers

    def read_body(self, event: events.Event) -> CommandGenerator[None]:
        # What comes of the end may be another request on this connection, which mitmproxy makes
        # ready for it only after it told of the end.
        switches = self.response is not None and self.response.status_code == 101
        end: ReceiveHttp | None = None
        for command in super().read_body(event):
            if isinstance(command, ReceiveHttp) and not switches:
                if isinstance(command.event, ResponseEndOfMessage):
                    end = command
                    continue
            yield command
        if end is not None:
            yield end

    def read_headers(self, event: events.ConnectionEvent) -> CommandGenerator[None]:
        if isinstance(event, events.DataReceived) and self.request is not None:
            while _INTERIM.match(bytes(self.buf)):
                if self.buf.maybe_extract_lines() is None:
                    return
        yield from super().read_headers(event)
