"""Recognises calls to a model, and reads them."""

import time
from collections.abc import Awaitable
from collections.abc import Callable

from mitmproxy import http

from switchyard.attempt.operations import make_operation
from switchyard.clients.clients import Clients
from switchyard.clients.keys import client_credential
from switchyard.clients.rights import check_members
from switchyard.config.client_keys import ClientKey
from switchyard.exchange.body import is_large
from switchyard.exchange.body import read_aside
from switchyard.exchange.body import read_body
from switchyard.exchange.classification import Classifier
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.client_head import Origin
from switchyard.exchange.endpoints import ASKS_MODEL
from switchyard.exchange.exchange import Call
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.exchange import nowhere
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.guard import is_over
from switchyard.exchange.guard import on_request
from switchyard.exchange.origin import OriginSearch
from switchyard.exchange.previous_response import expand_previous_response
from switchyard.exchange.registry import Exchanges
from switchyard.exchange.responses import json_response
from switchyard.exchange.service_request import read_service
from switchyard.exchange.websocket_handshake import asks_for_websocket
from switchyard.exchange.websocket_request import warmed_up
from switchyard.exchange.websocket_sessions import WebsocketSessions
from switchyard.reach import Reach
from switchyard.runtime.listeners import Listeners
from switchyard.runtime.snapshots import Snapshots
from switchyard.runtime.state import State
from switchyard.usage.ids import new_hex
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Compaction
from switchyard.wire.format import Endpoint
from switchyard.wire.model.errors import ApiError
from switchyard.wire.shared.model_members import names_in_other_letters
from switchyard.wire.shared.model_members import names_twice


class Intake:
    """Recognises calls to a model and begins their exchange.

    A call comes to the router's own address, or through the proxy to the address of a configured
    provider. Any other request to the router's own address is answered here or by `Management`; any
    other request elsewhere passes through unchanged.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        listeners: Listeners,
        requests: Classifier,
        clients: Clients,
        exchanges: Exchanges,
        sessions: WebsocketSessions,
        state: State,
        reach: Reach,
    ) -> None:
        self._snapshots = snapshots
        self._listeners = listeners
        self._requests = requests
        self._clients = clients
        self._exchanges = exchanges
        self._sessions = sessions
        self._state = state
        self._reach = reach

    @guarded
    @on_request
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        request = flow.request
        if asks_for_websocket(request):
            return None
        endpoint = self._requests.of(flow).endpoint
        if endpoint is not None and endpoint.kind == "service":
            self._begin_service(flow, endpoint)
            return None
        if endpoint is None or endpoint.kind not in ASKS_MODEL:
            return None
        if is_large(request):
            return self._begin_later(flow, endpoint)
        self._begin(flow, endpoint, *read_body(request, self._snapshots.current.config.limits))
        return None

    def _begin_service(self, flow: http.HTTPFlow, endpoint: Endpoint) -> None:
        """Begins an exchange whose request only a provider understands."""
        head, client = self._exchanges.head_of(flow), self._clients.client_of(flow)
        limits = self._snapshots.current.config.limits
        call = read_service(flow, head, endpoint, limits, client_credential(head), client)
        check_members(call)
        self._exchanges.begin(Exchange(call=call))

    async def _begin_later(self, flow: http.HTTPFlow, endpoint: Endpoint) -> None:
        """Does the work of `_begin`, reading the body in a thread."""
        raw, parsed = await read_aside(flow.request, self._snapshots.current.config.limits)
        if not is_over(flow):
            self._begin(flow, endpoint, raw, parsed)

    def _begin(
        self, flow: http.HTTPFlow, endpoint: Endpoint, raw: bytes, parsed: JsonObject
    ) -> None:
        head, client = self._exchanges.head_of(flow), self._clients.client_of(flow)
        call = read_call(flow, head, endpoint, raw, parsed, client, self._origin(flow, head))
        check_members(call)
        turn = self._sessions.request_of(flow)
        call = self._completed(call, turn.owner if turn else None)
        exchange = Exchange(call=call)
        if turn is not None:
            turn.bind(exchange)
        answer = warmed_up(call) if turn is not None and turn.warms_up else local_answer(call)
        if answer is not None:
            flow.response = answer
            return
        self._exchanges.begin(exchange)

    def _completed(self, call: Call, connection: bytes | None) -> Call:
        """Returns the call with its references expanded and its operation set.

        Most calls are returned unchanged. `connection` owns the conversations of the client's
        WebSocket, if it has one.
        """
        endpoint, asked = call.endpoint, call.asked
        body = expand_previous_response(self._state.conversations, call, connection)
        if "previous_response_id" not in body:
            if before := text_of(call.parsed.get("previous_response_id")):
                asked = altered(asked, previous=before)
        compaction = None
        if endpoint.kind in ("generate", "compact"):
            compaction = endpoint.format.find_compaction(body)
        if endpoint.kind == "compact":
            compaction = altered(compaction or Compaction(), now=True)
        # The body of a count has no model if the path names it.
        said = body if endpoint.kind == "compact" else call.parsed
        operation = make_operation(endpoint, said, call.model, self._state.calibration)
        recalled = body is not call.body
        if not recalled and asked is call.asked and compaction is None and operation is None:
            return call
        return altered(
            call,
            body=body,
            recalled=recalled,
            asked=asked,
            compaction=compaction,
            operation=operation,
        )

    def _origin(self, flow: http.HTTPFlow, head: ClientHead) -> OriginSearch | None:
        """Finds the destination of the client's own credential; None if it has none."""
        if not self._clients.has_own_login(flow):
            return None
        known = self._requests.of(flow)
        return OriginSearch(flow.request, head.path, known.endpoint if known.is_own else None)

    def may_forward(self, flow: http.HTTPFlow) -> bool:
        """Whether a flow without a route may go where the client addressed it.

        This is the last line of defence. A request to the router's own address would loop, and a
        call to a model that was recognised but not routed must not leave with the client's
        credential.
        """
        if self._listeners.is_own(flow) or self._exchanges.get(flow) is not None:
            return False
        # Other clients must not use this machine to reach its networks.
        return self._reach.may_forward(flow)


def read_call(
    flow: http.HTTPFlow,
    head: ClientHead,
    endpoint: Endpoint,
    raw: bytes,
    parsed: JsonObject,
    client: ClientKey | None = None,
    find_origin: Callable[[], Origin | None] | None = None,
) -> Call:
    """Returns the call that a request makes, from its body `raw` and JSON `parsed`.

    Raises Refused or BadRequest if it is not a valid call.
    """
    if (other := names_in_other_letters(parsed)) is not None:
        message = f"The member {other!r} may be read as 'model'. Leave it out."
        raise Refused(ApiError(message=message, kind="invalid_request", param="model"))
    if restated := names_twice(raw):
        raw = dumps(parsed)
    body = standard_body(endpoint, parsed)
    if endpoint.model is not None:
        body = {**body, "model": endpoint.model}
        if endpoint.format.model_in_path:
            body["stream"] = bool(endpoint.stream)
    model = _named_model(endpoint, body)
    asks, started = endpoint.kind == "generate", time.monotonic()
    options = body.get("stream_options")
    return Call(
        flow=flow,
        head=head,
        endpoint=endpoint,
        raw=raw,
        restated=restated,
        parsed=parsed,
        body=body,
        model=model.strip(),
        streams=bool(asks and endpoint.format.asks_stream(body, flow.request.path)),
        asked=Asked(
            model=model,
            id=new_hex(),
            created=int(time.time()),
            include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            array=endpoint.array,
            elapsed=lambda: time.monotonic() - started,
        ),
        started=started,
        credential=client_credential(head),
        client=client,
        find_origin=find_origin or nowhere,
    )


def _named_model(endpoint: Endpoint, body: JsonObject) -> str:
    model = endpoint.format.model_of(body)
    if isinstance(model, str) and model.strip():
        return model
    raise Refused(
        ApiError(
            message="The request names no model. Set 'model' to a name that GET /v1/models lists.",
            kind="invalid_request",
            param="model",
        )
    )


def standard_body(endpoint: Endpoint, parsed: JsonObject) -> JsonObject:
    """Returns the body in the spelling of its endpoint's format.

    Mostly that is the same object. Raises BadRequest if it is in another spelling with a mistake.
    """
    return endpoint.format.normalise(parsed) if endpoint.kind == "generate" else parsed


def local_answer(call: Call) -> http.Response | None:
    """Returns the response to a call that needs no model."""
    if call.endpoint.kind != "generate":
        return None
    body = call.format.local_response(call.parsed, call.asked.created)
    return None if body is None else json_response(200, body)
