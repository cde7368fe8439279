"""Which flows are calls to a model, and what they ask for."""

import time
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from secrets import token_hex

from mitmproxy import http

from addons.answers import json_answer
from addons.asides import make_aside
from addons.bodies import is_large
from addons.bodies import read_aside
from addons.bodies import read_body
from addons.endpoints import ASKS_MODEL
from addons.endpoints import Endpoint
from addons.endpoints import find_endpoint
from addons.endpoints import find_foreign_endpoint
from addons.endpoints import named_model
from addons.exchange import ClientHead
from addons.exchange import Exchange
from addons.guard import Refused
from addons.guard import guarded
from addons.keepers import keeps_flows
from addons.masking import client_credential
from addons.passthrough import addressed_to
from addons.passthrough import home_of
from addons.reach import may_forward
from addons.recall import recalled
from addons.rights import check_members
from addons.runtime import Runtime
from addons.sockets import warmed_up
from addons.wire.errors import ApiError
from addons.wire.errors import BadRequest
from addons.wire.format import Asked
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import dumps
from addons.wire.members import text_of
from addons.wire.modelmembers import names_in_other_letters
from addons.wire.modelmembers import names_twice
from addons.wire.ollama.generate import preloaded
from addons.wire.openai_chat.mixed import standard

LONGEST_NAME = 256
"""Characters of a model's name."""


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
        turn = runtime.turn_of(flow)
        exchange.body = recalled(runtime.conversations, exchange, turn.owner if turn else None)
        exchange.recalled = exchange.body is not body
        if "previous_response_id" not in exchange.body:
            if before := text_of(exchange.parsed.get("previous_response_id")):
                exchange.asked = replace(exchange.asked, previous=before)
        # A count's model, which the path may name, is no member of its body.
        asked = exchange.body if endpoint.kind == "compact" else exchange.parsed
        exchange.aside = make_aside(endpoint, asked, exchange.model, runtime.calibration)
        if turn is not None:
            turn.asked(exchange)
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


class Release:
    """Lets go of every exchange that is over, and of what was said over WebSockets that only pass.
    The last of the pipeline."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def response(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        self._end(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        # mitmproxy collects all messages of a connection, which a tool may have open for hours.
        assert flow.websocket
        if len(flow.websocket.messages) > 1 and not keeps_flows():
            del flow.websocket.messages[:-1]

    def _end(self, flow: http.HTTPFlow) -> None:
        self._runtime.exchanges.end(flow)
        self._runtime.failover.forget(flow)


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
                message="The request names no model. Put one of the names that GET /v1/models "
                "lists into the member 'model'.",
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


def check_name(model: str) -> None:
    """Raises Refused for a model's name that is longer than any: what is known of models is kept by
    their names, and names that are none are compared with all others."""
    if len(model) > LONGEST_NAME:
        raise Refused(
            ApiError(
                message=f"There is no model whose name has more than {LONGEST_NAME} characters. "
                "GET /v1/models lists what can be asked for.",
                kind="not_found",
                code="model_not_found",
                param="model",
            )
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
    return None if loaded is None else json_answer(200, loaded)
