"""Which flows are calls to a model, and what they ask for."""

import time
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from secrets import token_hex

from mitmproxy import http

from switchyard.attempt.operations import make_operation
from switchyard.clients.keys import client_credential
from switchyard.clients.rights import check_members
from switchyard.exchange.body import is_large
from switchyard.exchange.body import read_aside
from switchyard.exchange.body import read_body
from switchyard.exchange.client_head import ClientHead
from switchyard.exchange.endpoints import ASKS_MODEL
from switchyard.exchange.endpoints import Endpoint
from switchyard.exchange.endpoints import find_endpoint
from switchyard.exchange.endpoints import find_foreign_endpoint
from switchyard.exchange.endpoints import named_model
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.exchange.origin import addressed_to
from switchyard.exchange.origin import home_of
from switchyard.exchange.previous_response import expand_previous_response
from switchyard.exchange.responses import json_response
from switchyard.exchange.websocket_request import warmed_up
from switchyard.reach import may_forward
from switchyard.runtime import Runtime
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.ollama.generate import preloaded
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.model_members import names_in_other_letters
from switchyard.wire.shared.model_members import names_twice
from switchyard.wire.translate.mixed_dialect import standard


class Intake:
    """Recognises calls to a model and begins their exchange.

    Calls come to our own address, or as a proxy request to the address of a provider that the
    configuration names. Everything else at our own address is answered here or by `Manage`;
    everything else elsewhere passes through unchanged.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        if flow.response or flow.error or not flow.live:
            return None
        runtime = self._runtime
        request = flow.request
        own = runtime.is_own(flow)
        if "websocket" in request.headers.get("upgrade", "").lower():
            return None
        if own:
            endpoint = find_endpoint(request)
        elif runtime.serves(request):
            endpoint = find_foreign_endpoint(request)
        else:
            endpoint = None
        if endpoint is None or endpoint.kind not in ASKS_MODEL:
            return None
        if is_large(request):
            return self._begin_later(flow, endpoint)
        self._begin(flow, endpoint, *read_body(request, runtime.config.limits))
        return None

    async def _begin_later(self, flow: http.HTTPFlow, endpoint: Endpoint) -> None:
        """As `_begin`, with a body that is read while others are served."""
        raw, parsed = await read_aside(flow.request, self._runtime.config.limits)
        if not flow.error and flow.live:
            self._begin(flow, endpoint, raw, parsed)

    def _begin(
        self, flow: http.HTTPFlow, endpoint: Endpoint, raw: bytes, parsed: JsonObject
    ) -> None:
        runtime, request = self._runtime, flow.request
        head = runtime.exchanges.head_of(flow)
        exchange = begin_exchange(flow, head, endpoint, raw, parsed)
        exchange.client = runtime.exchanges.client_of(flow)
        check_members(exchange, exchange.client)
        if runtime.has_own_login(flow):
            # For most requests nobody asks for it.
            find = partial(home_of, endpoint=endpoint) if runtime.is_own(flow) else addressed_to
            exchange.find_origin = partial(find, request, head.path)
        body = exchange.body
        turn = runtime.session_request_of(flow)
        exchange.body = expand_previous_response(
            runtime.conversations, exchange, turn.owner if turn else None
        )
        exchange.recalled = exchange.body is not body
        if "previous_response_id" not in exchange.body:
            if before := text_of(exchange.parsed.get("previous_response_id")):
                exchange.asked = replace(exchange.asked, previous=before)
        # A count's model, which the path may name, is no member of its body.
        asked = exchange.body if endpoint.kind == "compact" else exchange.parsed
        exchange.operation = make_operation(endpoint, asked, exchange.model, runtime.calibration)
        if turn is not None:
            turn.bind(exchange)
        warms_up = turn is not None and turn.warms_up
        answer = warmed_up(exchange) if warms_up else local_answer(endpoint, exchange)
        if answer is not None:
            flow.response = answer
            return
        runtime.exchanges.begin(exchange)

    def may_forward(self, flow: http.HTTPFlow) -> bool:
        """Whether a flow that nobody routed may go where the client addressed it.

        The last line of defence: what came to our own address would come back to us, and a call
        to a model that was recognised but not routed must not leave with the client's credential.
        """
        if self._runtime.is_own(flow) or self._runtime.exchanges.get(flow) is not None:
            return False
        # Nobody else's client may use this machine to reach what it can reach.
        return may_forward(self._runtime, flow)


def begin_exchange(
    flow: http.HTTPFlow, head: ClientHead, endpoint: Endpoint, raw: bytes, parsed: JsonObject
) -> Exchange:
    """The exchange of a call to a model, whose body is `raw`, and `parsed`. Raises Refused if that
    is none."""
    if (other := names_in_other_letters(parsed)) is not None:
        message = f"The member {other!r} may be read as 'model'. Leave it out."
        raise Refused(ApiError(message=message, kind="invalid_request", param="model"))
    if restated := names_twice(raw):
        raw = dumps(parsed)
    body = standard_body(endpoint, parsed)
    if endpoint.model is not None:
        body = {**parsed, "model": endpoint.model, "stream": bool(endpoint.stream)}
    model = named_model(endpoint, body)
    if not isinstance(model, str) or not model.strip():
        raise Refused(
            ApiError(
                message="The request names no model. Set 'model' to a name that "
                "GET /v1/models lists.",
                kind="invalid_request",
                param="model",
            )
        )
    asks = endpoint.kind == "generate"
    wish = endpoint.format.asks_stream(body, flow.request.path) if asks else None
    options = body.get("stream_options")
    return Exchange(
        flow=flow,
        head=head,
        format=endpoint.format,
        raw=raw,
        restated=restated,
        parsed=parsed,
        body=body,
        model=model.strip(),
        wish=wish,
        streams=bool(wish),
        asked=Asked(
            model=model,
            id=token_hex(16),
            created=int(time.time()),
            include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
            array=endpoint.array,
        ),
        started=time.monotonic(),
        credential=client_credential(head),
    )


def standard_body(endpoint: Endpoint, parsed: JsonObject) -> JsonObject:
    """The body in the words of its endpoint's format; itself where it is. Raises Refused with what
    is wrong with one in other words."""
    if endpoint.kind != "generate" or endpoint.format.name != "openai-chat":
        return parsed
    try:
        return standard(parsed)
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None


def local_answer(endpoint: Endpoint, exchange: Exchange) -> http.Response | None:
    """The answer to a call that no model has to see: Ollama's clients ask for nothing to have a
    model loaded before it is needed."""
    if endpoint.kind != "generate" or endpoint.format.name != "ollama":
        return None
    loaded = preloaded(exchange.parsed, exchange.asked.created)
    return None if loaded is None else json_response(200, loaded)
