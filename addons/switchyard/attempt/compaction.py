"""What the router does about compaction where an attempt's provider does not."""

from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.exchange import Call
from switchyard.routing.plans import ModelTarget
from switchyard.state.proofs import Proofs
from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Format
from switchyard.wire.formats.openai_responses import CompactedResponses
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.operations.count_tokens import estimate
from switchyard.wire.shared.compaction import SummaryStage
from switchyard.wire.shared.compaction import compacted
from switchyard.wire.shared.compaction import summarising

COMPACTED = CompactedResponses()
"""The format of the answer to a call that asks for a compaction."""

_MEMBER = "context_management"


def has_own(call: Call, target: ModelTarget, compacts: bool) -> bool:
    """Whether a target compacts in the client's own format; `compacts`: what its profile says."""
    if target.kind == "passthrough":
        return True
    return compacts and call.format.name in target.formats


def own_history(call: Call) -> JsonObject:
    """The client's request with words in place of the summaries that the router made.

    So a provider of the client's format takes it that compacts by itself.
    """
    format, body = call.format, call.body
    if call.compaction is not None and call.compaction.ours:
        body = format.write_request(compacted(call.conversation, ours=True))
    return format.without_sealed(body)


def counted(format: Format, body: JsonObject) -> JsonObject:
    """A request whose tokens are to be counted, with words in place of its summaries.

    Returns the body itself where it has none. Raises BadRequest.
    """
    found = format.find_compaction(body)
    if found is None or not found.held or found.closed:
        return body
    return format.write_request(compacted(format.read_request(body)))


def wants_summary(call: Call, model: str) -> bool:
    """Whether the model `model`, whose provider does not compact, is to be asked for a summary.

    A conversation of the length from which on the client wants it compacted counts where the client
    takes a summary alone: one request cannot give it and a reply.
    """
    wish = call.compaction
    if wish is None or wish.now:
        return wish is not None
    if wish.threshold is None or not wish.pauses:
        return False
    return estimate(compacted(call.conversation), model) >= wish.threshold


def fitted(state: AttemptState, upstream: Format, own: bool) -> Conversation:
    """The conversation as a provider reads it that does not compact as the client asks.

    It asks for a summary if the attempt summarises. `own`: the provider compacts by itself.
    """
    call, wish = state.call, state.call.compaction
    conversation = call.conversation
    assert wish is not None
    if own:
        return compacted(conversation, ours=True)
    if state.summarises:
        return summarising(conversation, wish.instructions)
    conversation = compacted(conversation)
    if wish.threshold is None or upstream.name != call.format.name:
        return conversation
    return altered(conversation, extra=_without_edit(conversation.extra))


def undone(state: AttemptState) -> tuple[str, ...]:
    """What is left out of a request that stays in the client's format."""
    wish, upstream = state.call.compaction, state.upstream_format
    if wish is None or wish.threshold is None or state.summarises or upstream is None:
        return ()
    return (_MEMBER,) if upstream.name == state.call.format.name else ()


def carries_out(state: AttemptState, member: str) -> bool:
    """Whether the router does what a member of the client's request asks for."""
    return state.summarises and member in ("compaction", _MEMBER)


def wished(state: AttemptState, conversation: Conversation) -> Conversation:
    """What of an attempt's conversation is the client's wish: a summary is to call no tools."""
    return altered(conversation, tools=(), tool_choice=None) if state.summarises else conversation


def note_compaction(proofs: Proofs, maker: str, state: AttemptState) -> None:
    """Remember who made the items of a response to a call for a compaction."""
    if state.operation is None or state.call.compaction is None or state.relay is None:
        return
    body = loads_object(state.relay.body) or {}
    made = (text_of(item.get("encrypted_content")) for item in objects_of(body.get("output")))
    proofs.note(state.call.owner, maker, made)


def summary_stage(call: Call) -> SummaryStage:
    """What makes the client's compaction item or block of a summary."""
    write = call.format.write_summary
    assert write is not None, "only formats that have compaction ask for it"
    return SummaryStage(lambda text: write(text, call.asked.id))


def _without_edit(extra: JsonObject) -> JsonObject:
    """The members without the wish for a compaction (Anthropic's has other edits beside it)."""
    left = {name: value for name, value in extra.items() if name != _MEMBER}
    edits = objects_of(object_of(extra.get(_MEMBER)).get("edits"))
    kept = [edit for edit in edits if not text_of(edit.get("type")).startswith("compact")]
    return {**left, _MEMBER: {**extra[_MEMBER], "edits": kept}} if kept else left
