"""Takes out of a Responses request what only the provider that stored it can find.

OpenAI ties the items of a response together by their ids: a call "was provided without its required
'reasoning' item", an item is "not found" where nothing was stored, or at another account
(vercel/ai#7099, can1357/oh-my-pi#41). Without ids, every item stands for itself.
"""

from collections.abc import Iterator
from dataclasses import replace

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.openai_responses.names import NAME as RESPONSES
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import owned
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Turn

_KEPT = ("compaction", "context_compaction", "compaction_summary", "compaction_trigger")
"""Items that are the conversation itself, and those that ask for them."""


def without_item_ids(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation without ids of stored items, and without what is nothing but one.

    Reasoning is left out; items of tools that ran at the provider become text. The conversation
    itself where nothing changes, and for a `target` without stored items.
    """
    if target != RESPONSES:
        return conversation
    turns = tuple(_without_ids(turn) for turn in conversation.turns)
    if turns == conversation.turns:
        return conversation
    kept = tuple(turn for turn in turns if turn.parts)
    return replace(conversation, turns=kept)


def _without_ids(turn: Turn) -> Turn:
    parts = tuple(said for part in turn.parts for said in _unnamed(part))
    return replace(turn, parts=parts, extra=rest(turn.extra, "id"))


def _unnamed(part: Part) -> Iterator[Part]:
    match part:
        case Thinking(signer="openai-responses") | Opaque(kind="reasoning" | "item_reference"):
            return
        case Thinking(id=str()):
            yield replace(part, id=None)
        case Opaque(format="openai-responses") if "id" in part.raw and part.kind not in _KEPT:
            if part.text:
                yield Text(text=part.text)
        case Opaque():
            yield part
        case _:
            yield _without_id(part)


def _without_id(part: Part) -> Part:
    said = own(getattr(part, "extra", EMPTY))
    holder = next((name for name in ("message", "item") if "id" in (said.get(name) or EMPTY)), None)
    if holder is None or isinstance(part, Opaque):
        return part
    return replace(part, extra=owned({**said, holder: rest(said[holder], "id")}))
