"""A client's connection that speaks WebSocket (RFC 6455) with the router itself.

It takes the place of the HTTP/1 server after an upgrade. Its messages become requests to the
streams of the same layer, each with an id of its own as those of HTTP/2 have, and so with a flow,
its hooks and its attempts. The responses of the streams become messages.
"""

from typing import Protocol

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy import commands
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import ErrorCode
from mitmproxy.proxy.layers.http import HttpConnection
from mitmproxy.proxy.layers.http import HttpEvent
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http import RequestData
from mitmproxy.proxy.layers.http import RequestEndOfMessage
from mitmproxy.proxy.layers.http import RequestHeaders
from mitmproxy.proxy.layers.http import RequestProtocolError
from mitmproxy.proxy.layers.http import ResponseData
from mitmproxy.proxy.layers.http import ResponseEndOfMessage
from mitmproxy.proxy.layers.http import ResponseHeaders
from mitmproxy.proxy.layers.http import ResponseProtocolError
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState as FramesState
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage
from wsproto.events import CloseConnection
from wsproto.events import Event
from wsproto.events import Ping
from wsproto.events import TextMessage
from wsproto.frame_protocol import CloseReason

_SIGN_OF_LIFE = b":"
"""How comments of server-sent events begin."""
_OBJECT = 64
"""Bytes that each piece of a message takes besides its payload."""


class SessionRequest(Protocol):
    """One request that a message asked for, and its answer."""

    request: http.Request
    """With its body."""

    @property
    def over(self) -> bool:
        """Whether the client was sent the end, although the stream may not be over."""
        ...

    def start(self, response: http.Response) -> None:
        """The head of the answer."""
        ...

    def data(self, data: bytes) -> list[str]:
        """The messages that a piece of the answer's body makes."""
        ...

    def end(self) -> list[str]: ...


class ClientSession(Protocol):
    """The messages of one connection."""

    def receive(self, message: str) -> list[str]:
        """A message of the client's; returns what it is sent at once."""
        ...

    def next(self) -> SessionRequest | None:
        """A request that may begin now. Called after every message received or sent."""
        ...

    def close(self) -> None:
        """The client is gone."""
        ...


class WebSocketServer(HttpConnection):
    """Towards a client, after the handshake."""

    def __init__(self, context: Context, session: ClientSession, first_id: int, most: int) -> None:
        """Number requests from `first_id`; clients' own ids are odd.

        `most` limits a message, in bytes.
        """
        super().__init__(context, context.client)
        self._session = session
        self._next_id = first_id
        self._requests: dict[int, SessionRequest] = {}
        self._frames = Frames(ConnectionType.SERVER)
        self._message: list[str] = []
        self._size = 0
        self._most = most
        self._closed = False

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, HttpEvent):
            yield from self._responded(event)
        elif isinstance(event, events.DataReceived):
            if not self._closed:
                self._frames.receive_data(event.data)
                yield from self._read()
        elif isinstance(event, events.ConnectionClosed):
            yield from self._end()

    def _read(self) -> CommandGenerator[None]:
        for event in self._frames.events():
            match event:
                case TextMessage(data=data, message_finished=finished):
                    yield from self._received(data, finished)
                case Ping():
                    yield from self._send(event.response())
                case CloseConnection():
                    yield from self._hang_up(event.code, event.reason)
                case BytesMessage():
                    yield from self._hang_up(CloseReason.UNSUPPORTED_DATA, "text messages only")
            if self._closed:
                return

    def _received(self, piece: str, finished: bool) -> CommandGenerator[None]:
        self._message.append(piece)
        self._size += len(piece) + _OBJECT
        if self._size > self._most:
            yield from self._hang_up(CloseReason.MESSAGE_TOO_BIG, "over limits.body")
            return
        if not finished:
            return
        message = "".join(self._message)
        self._message.clear()
        self._size = 0
        yield from self._send_texts(self._session.receive(message))
        yield from self._begin_requests()

    def _begin_requests(self) -> CommandGenerator[None]:
        while not self._closed and (begun := self._session.next()) is not None:
            id, request = self._next_id, begun.request
            self._next_id += 2
            self._requests[id] = begun
            content = request.raw_content or b""
            request.data.content = None  # as of a request whose body is yet to come
            yield ReceiveHttp(RequestHeaders(id, request, end_stream=False))
            yield ReceiveHttp(RequestData(id, content))
            yield ReceiveHttp(RequestEndOfMessage(id))

    def _responded(self, event: HttpEvent) -> CommandGenerator[None]:
        """A stream sent a piece of its response."""
        request = self._requests.get(event.stream_id)
        if request is None or self._closed:
            return
        match event:
            case ResponseHeaders(response=response):
                request.start(response)
            case ResponseData(data=data):
                yield from self._send_texts(request.data(data))
                if data.startswith(_SIGN_OF_LIFE):
                    yield from self._send(Ping())
            case ResponseEndOfMessage():
                del self._requests[event.stream_id]
                yield from self._send_texts(request.end())
            case ResponseProtocolError():
                del self._requests[event.stream_id]
                yield from self._hang_up(CloseReason.INTERNAL_ERROR)
        yield from self._begin_requests()

    def _send_texts(self, messages: list[str]) -> CommandGenerator[None]:
        for message in messages:
            yield from self._send(TextMessage(message))

    def _send(self, event: Event) -> CommandGenerator[None]:
        if not self._closed and self._frames.state is FramesState.OPEN:
            yield commands.SendData(self.conn, self._frames.send(event))

    def end(self) -> CommandGenerator[None]:
        """Close the connection, on which nothing runs any more, since the router stops."""
        yield from self._hang_up(CloseReason.GOING_AWAY, "the router is stopping")

    def _hang_up(self, code: int, reason: str | None = None) -> CommandGenerator[None]:
        """Close the connection, in answer to the client or by ourselves."""
        if self._frames.state in (FramesState.OPEN, FramesState.REMOTE_CLOSING):
            frame = self._frames.send(CloseConnection(code, reason))
            yield commands.SendData(self.conn, frame)
        yield from self._end()

    def _end(self) -> CommandGenerator[None]:
        """The client listens no more: end whatever runs for it."""
        if self._closed:
            return
        self._closed = True
        self._session.close()
        if self.conn.state is not ConnectionState.CLOSED:
            yield commands.CloseConnection(self.conn)
        # What the client was sent to the end ends by itself, as its upstream's connection does.
        running = [id for id, request in self._requests.items() if not request.over]
        self._requests.clear()
        for id in running:
            yield ReceiveHttp(
                RequestProtocolError(id, "Client disconnected.", ErrorCode.CLIENT_DISCONNECTED)
            )
