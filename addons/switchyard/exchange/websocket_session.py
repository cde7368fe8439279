"""Serves the Responses API over a WebSocket, from the handshake to the close.

Each `response.create` is a request of its own, as if its client had posted it: with a flow, a route
and attempts. Responses are kept as long as their connection lives, whatever `store` is, so that the
next request need not repeat the conversation.
"""

import time
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator

from mitmproxy import http

from switchyard.config.limits import Limits
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.http_messages import own_headers
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.websocket_request import WebsocketRequest
from switchyard.state.conversations import Conversations
from switchyard.wire.encoding.json_size import has_more_values
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.openai_responses.websocket import BadMessage
from switchyard.wire.formats.openai_responses.websocket import Create
from switchyard.wire.formats.openai_responses.websocket import error_message
from switchyard.wire.formats.openai_responses.websocket import read_message
from switchyard.wire.model.errors import ApiError

MOST_WAITING = 64
"""Messages of one client that wait for earlier answers, at most."""

MOST_AT_ONCE = 32
"""Concurrent answers to one client, each on a lane of its own."""

MOST_KEPT = 8
"""Responses kept per connection as possible `previous_response_id`s.

These are the last one, and those from which others branch off.
"""

_OF_THE_HANDSHAKE = ("sec-websocket-", "content-", "accept")
_BETA = "openai-beta"
_SOCKETS = "responses_websockets"


class WebsocketSession:
    """One client's connection (see `switchyard.protocols.websocket.ClientSession`)."""

    def __init__(
        self,
        flow: http.HTTPFlow,
        exchanges: Exchanges,
        conversations: Conversations,
        sessions: "dict[str, WebsocketSession]",
        to_router: bool,
        limits: Callable[[], Limits],
    ) -> None:
        """Takes the handshake's `flow`, whose head counts for all requests of the session.

        `to_router` says whether it addressed the router itself. The session removes itself from
        `sessions`, where it is registered by the client's id, when it is closed. `limits` returns
        those in force.
        """
        self._conversations = conversations
        self._sessions = sessions
        self._limits = limits
        self._owner = f"websocket {flow.client_conn.id}".encode()
        """The owner of this connection's conversations, which no other one shares."""
        self._client = flow.client_conn.id
        request = flow.request.data
        head = exchanges.head_of(flow)
        self._to = request.host, request.port, request.scheme, request.authority
        if to_router:
            self._to = "", 0, b"", b""
        self._path = head.path.encode("utf-8", "surrogateescape")
        self._fields = tuple(_fields_of_requests(head))
        self._waiting: deque[Create] = deque()
        self._running: list[WebsocketRequest] = []
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    def receive(self, message: str) -> list[str]:
        limits = self._limits()
        if has_more_values(message.encode("utf-8", "replace"), limits.json_values):
            text = f"The message holds more than {limits.json_values} JSON values"
            error = ApiError(message=f"{text} (limits.json-values).", kind="too_large")
            return [error_message(error)]
        try:
            create = read_message(message)
        except BadMessage as e:
            return [e.message]
        if create is None:
            return []
        waiting = sum(each.size for each in self._waiting)
        if len(self._waiting) >= MOST_WAITING or (waiting and waiting + len(message) > limits.body):
            error = ApiError(
                message=f"{len(self._waiting)} requests are waiting on this connection already; "
                "send the next one after an answer.",
                kind="rate_limit",
            )
            return [error_message(error, create.lane)]
        self._waiting.append(create)
        return []

    def next(self) -> WebsocketRequest | None:
        if not self._waiting:
            return None
        busy = {each.lane for each in self._running if not each.over}
        if len(busy) >= MOST_AT_ONCE:
            return None
        create = next((each for each in self._waiting if each.lane not in busy), None)
        if create is None:
            return None
        self._waiting.remove(create)
        request = WebsocketRequest(
            create,
            self._request(create.body),
            self._owner,
            keep=self._keep,
            ended=self._running.remove,
        )
        self._running.append(request)
        return request

    def session_request_of(self, flow: http.HTTPFlow) -> WebsocketRequest | None:
        """Returns the request of a flow on this connection."""
        return next((each for each in self._running if each.request is flow.request), None)

    def _keep(self, id: str, items: list[JsonObject]) -> None:
        """Keeps a conversation that ends in a response, so that it can be continued."""
        if self._closed:
            return
        ids = [item["id"] for item in items if isinstance(item.get("id"), str)]
        self._conversations.put(self._owner, id, dumps(items), ids)
        self._kept[id] = None
        self._kept.move_to_end(id)
        if len(self._kept) > MOST_KEPT:
            self._conversations.drop(self._owner, self._kept.popitem(last=False)[0])

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        for id in self._kept:
            self._conversations.drop(self._owner, id)
        self._kept.clear()
        self._sessions.pop(self._client, None)

    def _request(self, body: JsonObject) -> http.Request:
        """Returns the request that the client would have posted."""
        content = dumps(body)
        host, port, scheme, authority = self._to
        length = b"content-length", str(len(content)).encode()
        return http.Request(
            host=host,
            port=port,
            method=b"POST",
            scheme=scheme,
            authority=authority,
            path=self._path,
            http_version=b"HTTP/1.1",
            headers=http.Headers((*self._fields, length)),
            content=content,
            trailers=None,
            timestamp_start=time.time(),
            timestamp_end=None,
        )


def _fields_of_requests(head: ClientHead) -> Iterator[tuple[bytes, bytes]]:
    """Returns the headers of requests on a connection, from those of its handshake."""
    for name, value in own_headers(head.headers):
        lower = name.decode("latin-1").lower()
        if lower.startswith(_OF_THE_HANDSHAKE):
            continue
        if lower == _BETA:
            betas = [beta.strip() for beta in value.decode("latin-1").split(",")]
            value = ", ".join(b for b in betas if not b.startswith(_SOCKETS)).encode("latin-1")
            if not value:
                continue
        yield name, value
    yield b"content-type", b"application/json"
    yield b"accept", b"text/event-stream"
    yield b"accept-encoding", b"identity"
