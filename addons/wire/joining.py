"""Answers that a client's history holds in pieces, put together for providers of other formats.

The chats of Google's SDK keep a streamed answer as one content a chunk. Gemini reads neighbouring
contents of the model as one; elsewhere each would be an answer of its own, cut in mid-word, and a
call whose result does not follow is refused.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from addons.wire.conversation import Conversation
from addons.wire.conversation import Part
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import Turn
from addons.wire.gemini.carrier import put_in_order
from addons.wire.gemini.names import NAME as GEMINI


def joined(conversation: Conversation) -> Conversation:
    """The conversation with each answer of the model in one turn; itself where nothing is in
    pieces."""
    if conversation.format != GEMINI:
        return conversation
    turns: list[Turn] = []
    for role, group in groupby(conversation.turns, key=lambda turn: turn.role):
        pieces = list(group)
        turns += [_one(pieces)] if role == "assistant" and len(pieces) > 1 else pieces
    if len(turns) == len(conversation.turns):
        return conversation
    return replace(conversation, turns=tuple(turns))


def _one(turns: Iterable[Turn]) -> Turn:
    first, *more = turns
    parts: list[Part] = list(first.parts)
    for turn in more:
        head, *rest = turn.parts or (None,)
        if head is not None:
            parts[-1:] = _glued(parts[-1], head) if parts else (head,)
        parts += rest
    put_in_order(parts)
    return replace(first, parts=tuple(parts))


def _glued(before: Part, after: Part) -> tuple[Part, ...]:
    """Two pieces of one text or thought as one; others stay apart. A signature comes with the
    last piece of what it belongs to."""
    match before, after:
        case Text(), Text():
            return (replace(after, text=before.text + after.text),)
        case Thinking(signature=None, redacted=None), Thinking(redacted=None):
            return (replace(after, text=before.text + after.text),)
    return before, after
