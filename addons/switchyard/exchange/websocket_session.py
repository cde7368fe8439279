"""The Responses API over a WebSocket: the router answers the handshake itself.

Each `response.create` is a request of its own, as if its client had posted it: with a flow, a route
and attempts. Answers are kept for as long as their connection lives, whatever `store` says, so that
the next request need not repeat what went before.
"""

import time
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

from mitmproxy import http
from wsproto.handshake import WEBSOCKET_VERSION
from wsproto.utilities import generate_accept_token

from switchyard.config.limits import Limits
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.http_messages import lower_items
from switchyard.exchange.http_messages import own_headers
from switchyard.exchange.registry import Exchanges
from switchyard.state.conversations import Conversations
from switchyard.wire.encoding.json_size import has_more_values
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.openai_responses.history import input_items
from switchyard.wire.formats.openai_responses.websocket import AnswerReader
from switchyard.wire.formats.openai_responses.websocket import BadMessage
from switchyard.wire.formats.openai_responses.websocket import Create
from switchyard.wire.formats.openai_responses.websocket import error_message
from switchyard.wire.formats.openai_responses.websocket import read_message
from switchyard.wire.formats.openai_responses.websocket import warm_up
from switchyard.wire.model.errors import ApiError

MOST_WAITING = 64
"""Messages of one client that wait for answers before theirs."""

MOST_AT_ONCE = 32
"""Answers to one client, each on a lane of its own."""

MOST_KEPT = 8
"""Answers of one connection that can be gone on from: the last one, and where others branch off."""

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
        """`flow` is the handshake's; what the client says there counts for all its requests.

        `to_router` says whether it addressed the router itself. From `sessions`, where it is kept
        by the client's id, the session takes itself out when it is closed. `limits` gives those in
        force.
        """
        self.exchanges = exchanges
        self._conversations = conversations
        self._sessions = sessions
        self._limits = limits
        self.owner = f"websocket {flow.client_conn.id}".encode()
        """Whose conversations those of this connection are: nobody else's."""
        self._client = flow.client_conn.id
        request = flow.request.data
        head = exchanges.head_of(flow)
        self._to = request.host, request.port, request.scheme, request.authority
        if to_router:
            self._to = "", 0, b"", b""
        self._path = head.path.encode("utf-8", "surrogateescape")
        self._fields = tuple(_fields_of_requests(head))
        self._waiting: deque[Create] = deque()
        self._turns: list[WebsocketRequest] = []
        self._kept: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    def receive(self, message: str) -> list[str]:
        limits = self._limits()
        if has_more_values(message.encode("utf-8", "replace"), limits.json_values):
            said = f"The message holds more than {limits.json_values} JSON values"
            error = ApiError(message=f"{said} (limits.json-values).", kind="too_large")
            return [error_message(error)]
        try:
            create = read_message(message)
        except BadMessage as e:
            return [e.message]
        if create is None:
            return []
        waiting = sum(one.size for one in self._waiting)
        if len(self._waiting) >= MOST_WAITING or (waiting and waiting + len(message) > limits.body):
            error = ApiError(
                message=f"{len(self._waiting)} requests already wait on this connection. "
                "Send the next one after a response.",
                kind="rate_limit",
            )
            return [error_message(error, create.lane)]
        self._waiting.append(create)
        return []

    def next(self) -> "WebsocketRequest | None":
        if not self._waiting:
            return None
        busy = {turn.lane for turn in self._turns if not turn.over}
        if len(busy) >= MOST_AT_ONCE:
            return None
        create = next((one for one in self._waiting if one.lane not in busy), None)
        if create is None:
            return None
        self._waiting.remove(create)
        turn = WebsocketRequest(self, create, self._request(create.body))
        self._turns.append(turn)
        return turn

    def session_request_of(self, flow: http.HTTPFlow) -> "WebsocketRequest | None":
        """The turn whose request a flow is."""
        return next((turn for turn in self._turns if turn.request is flow.request), None)

    def ended(self, turn: "WebsocketRequest") -> None:
        self._turns.remove(turn)

    def keep(self, id: str, items: list[JsonObject]) -> None:
        """Keep a conversation, up to and with an answer, to be gone on from."""
        if self._closed:
            return
        ids = [item["id"] for item in items if isinstance(item.get("id"), str)]
        self._conversations.put(self.owner, id, dumps(items), ids)
        self._kept[id] = None
        self._kept.move_to_end(id)
        if len(self._kept) > MOST_KEPT:
            self._conversations.drop(self.owner, self._kept.popitem(last=False)[0])

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        for id in self._kept:
            self._conversations.drop(self.owner, id)
        self._kept.clear()
        self._sessions.pop(self._client, None)

    def _request(self, body: JsonObject) -> http.Request:
        """The request that the client would have posted."""
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


class WebsocketRequest:
    """One request of a client, and its answer (see
    `switchyard.protocols.websocket.SessionRequest`)."""

    def __init__(self, talk: WebsocketSession, create: Create, request: http.Request) -> None:
        self.request = request
        self.lane = create.lane
        self.warms_up = not create.generates
        self._talk = talk
        self._answer = AnswerReader(create.lane)
        self._exchange: Exchange | None = None
        self._keeps = True

    @property
    def owner(self) -> bytes:
        """Whose conversations it can go on from, besides the client's own."""
        return self._talk.owner

    @property
    def over(self) -> bool:
        return self._answer.over

    def asked(self, exchange: Exchange) -> None:
        """What became of the request."""
        self._exchange = exchange

    def start(self, response: http.Response) -> None:
        self._answer.start(response.status_code, lower_items(response.headers))

    def data(self, data: bytes) -> list[str]:
        messages = self._answer.feed(data)
        self._keep()
        return messages

    def end(self) -> list[str]:
        messages = self._answer.close()
        self._keep()
        self._talk.ended(self)
        return messages

    def _keep(self) -> None:
        """Before the client is told the end: it may go on from there at once."""
        response, begun = self._answer.response, self._exchange
        if not self._keeps or response is None or begun is None:
            return
        self._keeps = False
        body = begun.body
        if body.get("previous_response_id") or body.get("conversation"):
            return  # what went before, only the provider knows
        if not isinstance(id := response.get("id"), str):
            return
        items = self._answer.items
        exchange = self._talk.exchanges.get(begun.flow) or begun
        if body.get("store") is False and exchange.passes_through:
            # Of reasoning that it was told not to store, the provider knows no id.
            items = [item for item in items if not _is_bare_reasoning(item)]
        self._talk.keep(id, [*input_items(body), *items])


def warmed_up(exchange: Exchange) -> http.Response:
    """The answer to a warm-up, which no provider has to see. Raises Refused where it goes on from
    what is not known here."""
    if before := exchange.body.get("previous_response_id"):
        raise Refused(
            ApiError(
                message=f"Previous response with id {str(before)[:100]!r} not found on this "
                "connection. Send the whole conversation in 'input'.",
                kind="invalid_request",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        )
    exchange.flow.comment = f"{exchange.model}: a warm-up, answered here"
    content = warm_up(replace(exchange.asked, model=exchange.model))
    return http.Response.make(200, content, {"content-type": exchange.format.content_type})


def accepted(request: http.Request) -> http.Response:
    """The answer to a handshake (RFC 6455, 4.2.2). Extensions are not used."""
    token = generate_accept_token(request.headers["sec-websocket-key"].strip().encode())
    response = http.Response.make(
        101,
        b"",
        {
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-accept": token.decode(),
        },
    )
    del response.headers["content-length"]
    return response


def check_handshake(request: http.Request) -> None:
    """Raises Refused for a handshake that is none (RFC 6455, 4.2.1)."""
    headers = request.headers
    if headers.get("sec-websocket-version", "").strip().encode() != WEBSOCKET_VERSION:
        version = {"connection": "close", "sec-websocket-version": WEBSOCKET_VERSION.decode()}
        raise Refused(no_websocket(), version)
    key = headers.get("sec-websocket-key", "").strip()
    asks = "upgrade" in headers.get("connection", "").lower() and key.isascii() and key
    if request.method != "GET" or request.http_version != "HTTP/1.1" or not asks:
        raise Refused(no_websocket(), {"connection": "close"})


def _fields_of_requests(head: ClientHead) -> Iterator[tuple[bytes, bytes]]:
    """The headers of requests on a connection, by those of its handshake."""
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


def _is_bare_reasoning(item: JsonObject) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content")


def no_websocket() -> ApiError:
    # 426 makes Codex fall back to HTTP at once; other statuses make it try seven times, and 400
    # makes it give up.
    return ApiError(
        message="Switchyard speaks no WebSocket here. Use HTTP POST instead.",
        kind="invalid_request",
        status=426,
    )
