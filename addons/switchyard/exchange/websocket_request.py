"""One request on a client's WebSocket, and its response in messages."""

from collections.abc import Callable
from dataclasses import replace

from mitmproxy import http

from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.http_messages import lower_items
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.history import input_items
from switchyard.wire.formats.openai_responses.websocket import AnswerReader
from switchyard.wire.formats.openai_responses.websocket import Create
from switchyard.wire.formats.openai_responses.websocket import warm_up
from switchyard.wire.model.errors import ApiError


class WebsocketRequest:
    """A request of a session (see `switchyard.protocols.websocket.SessionRequest`)."""

    def __init__(
        self,
        create: Create,
        request: http.Request,
        owner: bytes,
        keep: Callable[[str, list[JsonObject]], None],
        ended: Callable[["WebsocketRequest"], None],
    ) -> None:
        """Takes the callbacks and the owner of the conversations that it can continue.

        `owner` owns conversations besides the client's own ones. `keep` receives the id and the
        items of a conversation that ends in its response, `ended` the request itself after its last
        message.
        """
        self.request = request
        self.owner = owner
        self.lane = create.lane
        self.warms_up = not create.generates
        self._keep_items = keep
        self._ended = ended
        self._answer = AnswerReader(create.lane)
        self._exchange: Exchange | None = None
        self._kept = False

    @property
    def over(self) -> bool:
        return self._answer.over

    def bind(self, exchange: Exchange) -> None:
        """Notes the exchange that the request has become."""
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
        self._ended(self)
        return messages

    def _keep(self) -> None:
        """Keeps the conversation before the client receives the end and may continue it."""
        response, begun = self._answer.response, self._exchange
        if self._kept or response is None or begun is None:
            return
        self._kept = True
        body, shown = begun.call.body, begun.shown
        if body.get("previous_response_id") or body.get("conversation"):
            return  # only the provider has the conversation so far
        if not isinstance(id := response.get("id"), str):
            return
        items = self._answer.items
        if body.get("store") is False and shown is not None and shown.passes_through:
            # The provider has no id for reasoning that it did not store.
            items = [item for item in items if not _is_bare_reasoning(item)]
        self._keep_items(id, [*input_items(body), *items])


def warmed_up(call: Call) -> http.Response:
    """Returns the response to a warm-up, which needs no provider.

    Raises Refused if it continues a response that is not known here.
    """
    if before := call.body.get("previous_response_id"):
        raise Refused(
            ApiError(
                message=f"Previous response with id {str(before)[:100]!r} not found on this "
                "connection. Send the whole conversation in 'input'.",
                kind="invalid_request",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        )
    call.flow.comment = f"{call.model}: a warm-up, answered here"
    content = warm_up(replace(call.asked, model=call.model))
    return http.Response.make(200, content, {"content-type": call.format.content_type})


def _is_bare_reasoning(item: JsonObject) -> bool:
    return item.get("type") == "reasoning" and not item.get("encrypted_content")
