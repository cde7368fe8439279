"""The body of one attempt, written from the client's original request."""

from dataclasses import replace

from switchyard.attempt.passthrough import own_body
from switchyard.exchange.exchange import Exchange
from switchyard.exchange.guard import Refused
from switchyard.exchange.guard import guarded
from switchyard.failover.attempt import Attempt
from switchyard.runtime import Runtime
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.operations.operation import Operation
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.continuation import continued
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.effort import parse_effort
from switchyard.wire.shared.effort import reasoning_with
from switchyard.wire.shared.effort import with_effort
from switchyard.wire.shared.placing import lasting
from switchyard.wire.shared.server_tools import asks_for_services
from switchyard.wire.shared.server_tools import default_dialect
from switchyard.wire.shared.server_tools import has_services
from switchyard.wire.shared.server_tools import served
from switchyard.wire.shared.tool_choice import choosable
from switchyard.wire.translate.limits import NO_LIMITS
from switchyard.wire.translate.limits import StopLimits
from switchyard.wire.translate.losses import is_instructed
from switchyard.wire.translate.losses import lost
from switchyard.wire.translate.losses import unsaid_stops
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.rename_tools import renamed


class Translation:
    """Chooses the format an attempt speaks and writes its body.

    A provider that speaks the client's own format gets the client's body as it is; any other gets
    one written from the neutral model. Either way it starts from the original, never from what an
    earlier attempt made of it.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    @guarded
    def attempt(self, attempt: Attempt) -> None:
        exchange = self._runtime.exchanges.of(attempt)
        if exchange is None or exchange.target is None or attempt.answer:
            return
        target = exchange.target
        exchange.limits, exchange.instructed, exchange.served = NO_LIMITS, False, False
        if target.kind == "passthrough" and not exchange.continues:
            exchange.upstream_format = exchange.format
            exchange.upstream_body = own_body(exchange)
            exchange.dropped = []
            return
        if exchange.operation is not None:
            write_operation(exchange, exchange.operation)
            return
        upstream = exchange.format
        if target.kind != "passthrough":
            upstream = choose_format(exchange.format, target.provider.formats)
            if upstream is not exchange.format:
                upstream = self._serving(exchange, upstream)
        exchange.upstream_format = upstream
        suffix = asked_effort(exchange)
        if exchange.passes_through:
            body = upstream.without_sealed(exchange.body)
            exchange.dropped = []
        else:
            body = self._translated(exchange, upstream, suffix)
        if suffix is not None:
            body = with_effort(body, upstream.name, suffix, target.model)
        exchange.upstream_body = body

    def _serving(self, exchange: Exchange, upstream: Format) -> Format:
        """The format in which a provider has what the client wants to run there, where its profile
        says that it has such tools and `upstream` has no words for them."""
        assert exchange.target
        known = self._runtime.adjustments.server_tools(exchange.target)
        if known != "own" or default_dialect(upstream.name) == "own":
            return upstream
        able = (f for f in exchange.target.provider.formats if default_dialect(f) == "own")
        format = next(able, None)
        if format is None or not asks_for_services(read_conversation(exchange)):
            return upstream
        return FORMATS[format]

    def _translated(self, exchange: Exchange, upstream: Format, suffix: str | None) -> JsonObject:
        assert exchange.target
        model = exchange.target.model
        if exchange.body.get("previous_response_id"):
            raise Refused(_no_memory(exchange))
        conversation = read_conversation(exchange)
        if exchange.continuation is not None and exchange.committed_relay is not None:
            conversation = continued(conversation, exchange.continuation.text, upstream.name, model)
        if suffix is not None:
            wish = reasoning_with(suffix, conversation.reasoning)
            conversation = replace(conversation, reasoning=wish)
        # What a model takes is known by its own name, not by the one the client has for it.
        known = replace(conversation, model=model)
        dialect = self._runtime.adjustments.server_tools(exchange.target)
        conversation = served(known, upstream.name, dialect)
        exchange.served = has_services(conversation, upstream.name)
        exchange.dropped = lost(conversation, upstream.name)
        exchange.instructed = is_instructed(conversation, upstream.name, model)
        exchange.limits = StopLimits(unsaid_stops(conversation, upstream.name))
        conversation = distinct(joined(conversation))
        if conversation.format != upstream.name:
            conversation = renamed(paired(lasting(conversation)))
            conversation = choosable(conversation, upstream.name)
        takes_system = self._runtime.adjustments.takes_system(exchange.target)
        return upstream.write_request(replace(conversation, model=model, takes_system=takes_system))


def write_operation(exchange: Exchange, operation: Operation) -> None:
    """The body of an attempt that asks for something besides an answer."""
    assert exchange.target
    offered = tuple(f for f in exchange.target.provider.formats if f in operation.formats)
    upstream = exchange.upstream_format = choose_format(exchange.format, offered)
    try:
        exchange.dropped = operation.lost(upstream.name)
        exchange.upstream_body = operation.write(upstream.name, exchange.target.model)
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None


def choose_format(client: Format, offered: tuple[str, ...]) -> Format:
    """The client's own format where the provider speaks it, else the provider's first."""
    return client if client.name in offered else FORMATS[offered[0]]


def asked_effort(exchange: Exchange) -> str | None:
    """The suffix of the model's name that says how much to think: the configuration's, which is
    for this target, before the client's. Raises Refused with what can be asked for."""
    target, plan = exchange.target, exchange.plan
    suffix = (target.suffix if target else None) or (plan.suffix if plan else None)
    if suffix is not None:
        try:
            parse_effort(suffix)
        except ValueError as e:
            raise Refused(ApiError(message=str(e), kind="invalid_request", param="model")) from None
    return suffix


def read_conversation(exchange: Exchange) -> Conversation:
    """The request in the neutral model. Raises Refused with what is wrong with it."""
    try:
        return exchange.conversation
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None


def _no_memory(exchange: Exchange) -> ApiError:
    assert exchange.target
    return ApiError(
        message="Previous response with id "
        f"{str(exchange.body['previous_response_id'])[:100]!r} not found: provider "
        f"{exchange.target.provider.name!r} keeps none, nor does the router. "
        "Send the whole conversation in 'input'.",
        kind="invalid_request",
        code="previous_response_not_found",
        param="previous_response_id",
    )
