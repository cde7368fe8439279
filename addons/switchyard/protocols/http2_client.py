"""The HTTP/2 client towards upstreams; running responses survive a GOAWAY."""

from functools import partial

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated
from h2.events import Event
from hyperframe.frame import Frame
from hyperframe.frame import GoAwayFrame
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http._http2 import Http2Client

from switchyard.protocols.retired import retire

GOING_AWAY = "the server goes away and left the request undone"
"""The error of requests that a server will not answer, and has not begun with."""

UNDONE = (GOING_AWAY, "stream reset by client (REFUSED_STREAM)")
"""What errors say where a request can be sent again without harm (RFC 9113, 8.7). The second is
what mitmproxy makes of such a reset."""


class PatientHttp2Client(Http2Client):
    """Treats a GOAWAY without error as a request to send no more requests.

    Servers send it before they close a connection that is old or was used often, and finish what is
    running (RFC 9113, 6.8). mitmproxy ends all of it, and h2 reads nothing after it.
    """

    @classmethod
    def adopt(cls, stack: Layer) -> None:
        """Give the connection of the layers `stack` this client, if it speaks HTTP/2."""
        layer = stack.context.layers[-1]
        if type(layer) is Http2Client:
            layer.__class__ = cls
            h2 = layer.h2_conn
            h2._frame_dispatch_table[GoAwayFrame] = partial(_go_away, h2)

    def handle_h2_event(self, event: Event) -> CommandGenerator[bool]:
        if not isinstance(event, ConnectionTerminated) or event.error_code != ErrorCodes.NO_ERROR:
            return (yield from super().handle_h2_event(event))
        retire(self.conn)
        last = event.last_stream_id or 0
        undone = [stream for stream in self.streams if stream > last]
        for stream in undone:
            del self.streams[stream]
            yield self._left_undone(stream)
        for theirs in list(self.stream_queue):
            # Waits until others are done, and has no number on this connection yet.
            del self.stream_queue[theirs]
            self.their_stream_id[theirs] = theirs
            yield self._left_undone(theirs)
        if self.streams:
            return False
        yield from self.close_connection(GOING_AWAY)
        return True

    def _left_undone(self, stream: int) -> ReceiveHttp:
        error = self.ReceiveProtocolError(stream, GOING_AWAY, self.ReceiveProtocolError.code)
        return ReceiveHttp(error)


def _go_away(h2: H2Connection, frame: Frame) -> tuple[list[Frame], list[Event]]:
    """As h2's own, which takes the connection for closed from then on."""
    assert isinstance(frame, GoAwayFrame)
    if frame.error_code != ErrorCodes.NO_ERROR:
        return h2._receive_goaway_frame(frame)
    event = ConnectionTerminated()
    event.error_code = ErrorCodes.NO_ERROR
    event.last_stream_id = frame.last_stream_id
    event.additional_data = frame.additional_data or None
    return [], [event]
