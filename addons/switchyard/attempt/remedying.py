"""Decides whether a target that could not read a conversation is asked again, and with what."""

from dataclasses import replace

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.shortfall import Shortfall
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.remedies import LEFT_OUT
from switchyard.wire.translate.remedies import remedied
from switchyard.wire.translate.remedies import write_remedied
from switchyard.wire.translate.rename_tools import renamed


def helps(state: AttemptState, remedy: str) -> bool:
    """Whether a remedy makes another request of what an attempt sent.

    Never for a passthrough, whose bytes are the client's own, and never twice for one target.
    """
    upstream = state.upstream_format
    if upstream is None or state.target.kind == "passthrough" or state.call.operation is not None:
        return False
    if remedy in state.remedies:
        return False
    try:
        conversation = _readable(state, upstream)
        before = remedied(conversation, state.remedies, upstream.name)
        after = remedied(before, (remedy,), upstream.name)
        if after is before:
            return False
        names = (*state.remedies, remedy)
        return _body(after, names, upstream) != _body(before, names, upstream)
    except BadRequest:
        return False


def write_own_remedied(state: AttemptState, upstream: Format) -> JsonObject:
    """Return the body for a target of the client's own format, remedied. Raises BadRequest."""
    state.untranslated = Shortfall(dropped=left_out(state))
    conversation = remedied(_readable(state, upstream), state.remedies, upstream.name)
    return write_remedied(conversation, state.remedies, upstream)


def left_out(state: AttemptState) -> tuple[str, ...]:
    """What the remedies of an attempt leave out, for the client."""
    return tuple(LEFT_OUT[name] for name in state.remedies if name in LEFT_OUT)


def _readable(state: AttemptState, upstream: Format) -> Conversation:
    """Return the client's conversation as the target is asked with it. Raises BadRequest.

    In the target's own format, it is without what was sealed for other formats.
    """
    if not state.passes_through:
        return replace(state.call.conversation, model=state.target.model)
    return upstream.read_request(upstream.without_sealed(state.call.body))


def _body(conversation: Conversation, remedies: tuple[str, ...], upstream: Format) -> JsonObject:
    if conversation.format == upstream.name:
        return write_remedied(conversation, remedies, upstream)
    ready = renamed(paired(lasting(distinct(joined(conversation)))))
    return upstream.write_request(ready)
