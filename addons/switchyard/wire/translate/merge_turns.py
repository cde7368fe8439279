"""Joins replies that a client's history holds in pieces, for other formats.

Anthropic and Gemini read neighbouring turns of the model as one (Anthropic's reference, "Create a
Message": consecutive turns are combined). In other formats each is a separate reply, and a call
without an immediate result is refused. The chats of Google's SDK keep a streamed reply as one
content per chunk, split within words.
"""

from collections.abc import Sequence
from itertools import groupby

from switchyard.values.records import altered
from switchyard.wire.formats.anthropic.blocks import NAME as ANTHROPIC
from switchyard.wire.formats.gemini.carrier import put_in_order
from switchyard.wire.formats.gemini.names import NAME as GEMINI
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Turn


def joined(conversation: Conversation) -> Conversation:
    """Returns the conversation with each reply of the model in one turn.

    Returns the conversation itself if no reply is in pieces.
    """
    if conversation.format not in (ANTHROPIC, GEMINI):
        return conversation
    one = _one if conversation.format == GEMINI else _beside
    turns: list[Turn] = []
    for role, group in groupby(conversation.turns, key=lambda turn: turn.role):
        pieces = list(group)
        turns += [one(pieces)] if role == "assistant" and len(pieces) > 1 else pieces
    if len(turns) == len(conversation.turns):
        return conversation
    return altered(conversation, turns=tuple(turns))


def _beside(turns: Sequence[Turn]) -> Turn:
    return altered(turns[0], parts=tuple(part for turn in turns for part in turn.parts))


def _one(turns: Sequence[Turn]) -> Turn:
    first, *more = turns
    parts: list[Part] = list(first.parts)
    for turn in more:
        head, *rest = turn.parts or (None,)
        if head is not None:
            parts[-1:] = _glued(parts[-1], head) if parts else (head,)
        parts += rest
    put_in_order(parts)
    return altered(first, parts=tuple(parts))


def _glued(before: Part, after: Part) -> tuple[Part, ...]:
    """Joins two pieces of one text or thought; others stay apart.

    A signature comes with the last piece of what it belongs to.
    """
    match before, after:
        case Text(), Text():
            return (altered(after, text=before.text + after.text),)
        case Thinking(signature=None, redacted=None), Thinking(signer=str(signer)) if (
            signer != GEMINI and before.text and after.text.startswith(before.text)
        ):
            # Another format's signature travels with all the words that it covers.
            return (after,)
        case Thinking(signature=None, redacted=None), Thinking(redacted=None):
            return (altered(after, text=before.text + after.text),)
    return before, after
