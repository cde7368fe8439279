"""Decides whether a target that could not read a conversation is asked again, and with what."""

from switchyard.attempt.compaction import own_history
from switchyard.exchange.exchange import AttemptState
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.call_ids import distinct
from switchyard.wire.shared.placing import lasting
from switchyard.wire.translate.merge_turns import joined
from switchyard.wire.translate.pair_results import paired
from switchyard.wire.translate.remedies import LEFT_OUT
from switchyard.wire.translate.remedies import remedied_body
from switchyard.wire.translate.remedies import remedied_turns
from switchyard.wire.translate.remedies import with_own_turns_remedied
from switchyard.wire.translate.rename_tools import renamed


def helps(state: AttemptState, remedy: str) -> bool:
    """Whether a remedy makes another request of what an attempt sent.

    Never for a passthrough, whose bytes are the client's own, and never twice for one target.
    """
    upstream = state.upstream_format
    if upstream is None or state.target.kind == "passthrough" or state.operation is not None:
        return False
    if remedy in state.remedies:
        return False
    if remedied_body(state.upstream_body, (remedy,), upstream.name) is not state.upstream_body:
        return True
    try:
        if state.passes_through:
            body = own_history(state.call)
            before = with_own_turns_remedied(body, state.remedies, upstream)
            after = with_own_turns_remedied(body, (*state.remedies, remedy), upstream)
            return after != before
        conversation = altered(state.call.conversation, model=state.target.model)
        before = remedied_turns(conversation, state.remedies, upstream.name)
        after = remedied_turns(before, (remedy,), upstream.name)
        return after is not before and _body(after, upstream) != _body(before, upstream)
    except BadRequest:
        return False


def left_out(state: AttemptState) -> tuple[str, ...]:
    """What the remedies of an attempt leave out, for the client."""
    return tuple(LEFT_OUT[name] for name in state.remedies if name in LEFT_OUT)


def _body(conversation: Conversation, upstream: Format) -> JsonObject:
    ready = distinct(joined(conversation))
    return upstream.write_request(renamed(paired(lasting(ready))))
