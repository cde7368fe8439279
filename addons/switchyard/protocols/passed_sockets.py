"""Limits the messages of WebSockets that pass through.

mitmproxy collects each message before it sends it on. It copies all it has of one with each further
piece, and without any limit.
"""

from collections.abc import Iterable

from mitmproxy.proxy import events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers import websocket
from mitmproxy.proxy.layers.websocket import WebsocketConnection
from mitmproxy.proxy.layers.websocket import WebsocketLayer
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from switchyard.config.limits import Limits

_OBJECT = 64
"""Bytes that each frame takes besides its payload."""


class Frames(list[bytearray]):
    """What came of a message, by its frames."""

    def __init__(self, frames: Iterable[bytes]) -> None:
        super().__init__(map(bytearray, frames))
        self._before = 0

    def append(self, frame: bytes | bytearray) -> None:
        self._before += len(self[-1]) + _OBJECT
        super().append(bytearray(frame))

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return self._before + len(self[-1])


class GatheringConnection(WebsocketConnection):
    """Gathers messages without copying what it has."""

    @property
    def frame_buf(self) -> Frames:
        return self._frames

    @frame_buf.setter
    def frame_buf(self, frames: Iterable[bytes]) -> None:  # type: ignore
        self._frames = Frames(frames)


class BoundedWebsocketLayer(WebsocketLayer):
    """Closes a WebSocket when either side sends a message that is too large (1009)."""

    def handle_event(self, event: events.Event) -> CommandGenerator[None]:
        yield from super().handle_event(event)
        for end in (getattr(self, name, None) for name in ("client_ws", "server_ws")):
            if isinstance(end, GatheringConnection) and end.frame_buf.size > self._most:
                end.frame_buf = [b""]
                # As if its own side had closed it, which both are told then.
                end._events.append(CloseConnection(CloseReason.MESSAGE_TOO_BIG, "too large"))
                yield from super().handle_event(events.DataReceived(end.conn, b""))

    @property
    def _most(self) -> int:
        shares = (getattr(layer, "share", None) for layer in self.context.layers)
        return next((share.limits.body for share in shares if share is not None), _DEFAULT.body)


_DEFAULT = Limits()


def install() -> None:
    """From now on, WebSockets are made with it."""
    websocket.WebsocketConnection = GatheringConnection  # type: ignore[misc]
    websocket.WebsocketLayer = BoundedWebsocketLayer  # type: ignore[misc]


def remove() -> None:
    websocket.WebsocketConnection = WebsocketConnection  # type: ignore[misc]
    websocket.WebsocketLayer = WebsocketLayer  # type: ignore[misc]
