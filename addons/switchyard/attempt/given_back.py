"""What a provider is given back of a history: all that it made, and nothing of what others made."""

from switchyard.attempt.adjustments import Adjustments
from switchyard.exchange.exchange import AttemptState
from switchyard.exchange.sessions import find_session
from switchyard.state.proofs import ProofReader
from switchyard.state.proofs import Proofs
from switchyard.state.thinking import ThinkingMemory
from switchyard.state.thinking import Whose
from switchyard.state.thinking import place_of
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.proofs import may_have_proofs
from switchyard.wire.model.proofs import proofs_of
from switchyard.wire.relay.notes import Notes
from switchyard.wire.translate.quirks import with_usual_ids
from switchyard.wire.translate.think_tag import untagged
from switchyard.wire.translate.thinking_back import Led
from switchyard.wire.translate.thinking_back import answered
from switchyard.wire.translate.thinking_back import with_demanded


def reader_of(adjustments: Adjustments, state: AttemptState) -> ProofReader:
    """Who reads the history that an attempt sends."""
    return ProofReader(adjustments.maker(state.target), state.chosen.credential.id)


def select_proofs(
    memory: Proofs, adjustments: Adjustments, state: AttemptState, format: Format, body: JsonObject
) -> tuple[JsonObject, bool]:
    """`body`, in `format`, without the proofs that are known not to be for the attempt's target.

    Also returned is whether it had any. Ids of calls that its API would not take are others.
    `body` itself where nothing has to change. Looks into it only where the client's conversations
    met several makers, or the plan has several targets.
    """
    owner, reader = state.call.owner, reader_of(adjustments, state)
    chooses = _has_choice(state)
    if not chooses and not memory.is_mixed(owner, reader):
        return body, False
    if state.passes_through:
        if "tools" in body:
            body = with_usual_ids(body, format.name)
        raw = state.call.raw
        if not state.call.recalled and not may_have_proofs(raw, format.proof_marks):
            return body, False
    strange = adjustments.foreign_proofs(state.target) if chooses else None

    def keeps(proof: str) -> bool:
        if not memory.is_for(owner, reader, proof):
            return False
        if strange is None or strange.fullmatch(proof) is None:
            return True
        return memory.maker(owner, proof) is not None

    kept = format.with_proofs(body, keeps)
    return kept, kept is not body


def note_refused(
    memory: Proofs, adjustments: Adjustments, state: AttemptState, format: Format, body: JsonObject
) -> None:
    """Remember which proofs of `body` the attempt's target refused, where it did.

    Those whose maker is not known; all where each is known to be its own, which is a vendor that
    encrypts for one organisation alone.
    """
    if "proofs" not in state.remedies:
        return
    found: list[str] = []

    def keeps(proof: str) -> bool:
        found.append(proof)
        return True

    format.with_proofs(body, keeps)
    owner, reader = state.call.owner, reader_of(adjustments, state)
    strange = [proof for proof in found if memory.maker(owner, proof) is None]
    memory.refuse(owner, reader, strange if any(strange) else found)


def readable_proofs(
    memory: Proofs, adjustments: Adjustments, state: AttemptState, conversation: Conversation
) -> frozenset[str]:
    """The proofs in a conversation that the attempt's target is known to have made."""
    proofs = [proof for part in conversation.parts() for proof in proofs_of(part)]
    if not proofs:
        return frozenset()
    owner, maker = state.call.owner, adjustments.maker(state.target)
    return frozenset(proof for proof in proofs if memory.maker(owner, proof) == maker)


def notes_of(adjustments: Adjustments, state: AttemptState, format: Format) -> Notes:
    """What is to be noted of an attempt's reply."""
    demand = adjustments.demand(state.target, format.name)
    if demand is None:
        return Notes(format.proofs_of)
    return Notes(format.proofs_of, "words" if demand.thinking else "calls")


def keep_notes(
    proofs: Proofs, thinking: ThinkingMemory, adjustments: Adjustments, state: AttemptState
) -> None:
    """Remember what an attempt's reply wants given back."""
    notes = state.notes
    if notes is None:
        return
    maker = adjustments.maker(state.target)
    proofs.note(state.call.owner, maker, notes.proofs)
    if notes.keeps != "proofs" and (parts := notes.parts):
        if state.upstream_format and (
            tag := adjustments.thinking_tag(state.target, state.upstream_format.name)
        ):
            parts = untagged(parts, tag)
        thinking.note(_whose(state, maker), parts, place_of(answered(state.upstream_body)))


def with_demands(
    memory: ThinkingMemory, adjustments: Adjustments, state: AttemptState, body: JsonObject
) -> JsonObject:
    """`body` with what the attempt's target demands of its history.

    `body` itself where nothing is missing.
    """
    assert state.upstream_format
    demand = adjustments.demand(state.target, state.upstream_format.name)
    if demand is None:
        return body
    recall = _Recall(memory, state, adjustments.maker(state.target))
    return with_demanded(body, state.upstream_format.name, demand, recall)


class _Recall:
    """Recalls what led to the calls of one attempt's history (see `wire.translate.thinking_back`).

    Whose they are is found at the first one, and a place once for all calls that answer one item.
    """

    def __init__(self, memory: ThinkingMemory, state: AttemptState, maker: str) -> None:
        self._memory = memory
        self._state = state
        self._maker = maker
        self._whose: Whose | None = None
        self._item: JsonObject | None = None
        self._place = ""

    def __call__(self, id: str, name: str, arguments: str, after: JsonObject) -> Led | None:
        whose = self._whose = self._whose or _whose(self._state, self._maker)
        if after is not self._item:
            self._item, self._place = after, place_of(after)
        return self._memory.recall(whose, id, name, arguments, self._place)


def _whose(state: AttemptState, maker: str) -> Whose:
    return Whose(state.call.owner, find_session(state.exchange) or "", maker)


def _has_choice(state: AttemptState) -> bool:
    plan = state.exchange.plan
    return plan is not None and len(plan.targets) > 1
