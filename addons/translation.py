"""The body of one attempt, written from the client's original request."""

from addons.exchange import Exchange
from addons.failover.attempt import Attempt
from addons.guard import Refused
from addons.guard import guarded
from addons.runtime import Runtime
from addons.wire.conversation import Conversation
from addons.wire.errors import ApiError
from addons.wire.errors import BadRequest
from addons.wire.format import Format
from addons.wire.losses import lost
from addons.wire.registry import FORMATS
from addons.wire.seam import continued


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
        provider = exchange.target.provider
        upstream = choose_format(exchange.format, provider.formats)
        exchange.upstream_format = upstream
        if exchange.passes_through:
            exchange.upstream_body = upstream.without_sealed(exchange.body)
            exchange.dropped = []
            return
        if exchange.body.get("previous_response_id"):
            raise Refused(_no_memory(exchange))
        conversation = read_conversation(exchange)
        if exchange.seam is not None and exchange.told is not None:
            said, model = exchange.seam.text, exchange.target.model
            conversation = continued(conversation, said, upstream.name, model)
        exchange.upstream_body = upstream.write_request(conversation)
        exchange.dropped = lost(conversation, upstream.name)


def choose_format(client: Format, offered: tuple[str, ...]) -> Format:
    """The client's own format where the provider speaks it, else the provider's first."""
    return client if client.name in offered else FORMATS[offered[0]]


def read_conversation(exchange: Exchange) -> Conversation:
    """The request in the neutral model. Raises Refused with what is wrong with it."""
    try:
        return exchange.conversation
    except BadRequest as e:
        raise Refused(ApiError(message=str(e), kind="invalid_request", param=e.param)) from None


def _no_memory(exchange: Exchange) -> ApiError:
    assert exchange.target
    return ApiError(
        message="The request continues an earlier response (previous_response_id), which provider "
        f"{exchange.target.provider.name!r} does not keep, as it speaks another format. Send the "
        "whole conversation in 'input'.",
        kind="invalid_request",
        code="previous_response_not_found",
        param="previous_response_id",
    )
