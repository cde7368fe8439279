"""Places instructions that come later than at a conversation's beginning.

A system prompt precedes everything: adding later instructions to it changes the beginning, which
costs the provider's whole prompt cache, and some Claude models refuse earlier
thinking then (Anthropic's guide "Mid-conversation system messages and tool changes"). So what came
later stays where it came: as a system message where the model takes one, else as a part of the
user's turn, marked as what it is.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn

LATER = "later-instruction"
"""Form of a text in a user's turn that is an instruction, and no word of the user's."""

SYSTEM_ROLES = ("system", "developer")


def lasting(conversation: Conversation) -> Conversation:
    """Remove instructions that were for one turn of the user which is over.

    Anthropic, `clear_at` of a system message. Returns the conversation itself without any.
    """
    turns = conversation.turns
    if conversation.format != "anthropic" or not any(map(_is_for_one_turn, turns)):
        return conversation
    last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    kept = (t for i, t in enumerate(turns) if i > last or not _is_for_one_turn(t))
    return replace(conversation, turns=tuple(kept))


def _is_for_one_turn(turn: Turn) -> bool:
    return turn.role == "system" and turn.extra.get("clear_at") == "next_user_message"


def reminder(text: str) -> str:
    """An instruction as it stands among a user's words."""
    return f"<system-reminder>\n{text}\n</system-reminder>"


def opening(turns: Sequence[Turn]) -> Sequence[Turn]:
    """The instructions that a conversation begins with."""
    return turns[: _length_of_opening(turns)]


def after_opening(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Return the later turns; their instructions become texts of form `LATER`.

    These stand in user turns.
    """
    for turn in turns[_length_of_opening(turns) :]:
        if turn.role not in SYSTEM_ROLES:
            yield turn
        elif parts := tuple(_marked(part) for part in instructions(turn)):
            yield Turn(role="user", parts=parts)


def instructions(turn: Turn) -> list[Text | Media]:
    """Return a system or developer turn's content in parts that every format has."""
    said: list[Text | Media] = []
    for part in turn.parts:
        match part:
            case Text(text=text) if text.strip():
                said.append(replace(part, citations=(), extra={}, form=""))
            case Opaque(text=str(text)) if text.strip():
                said.append(Text(text=text))
            case Media(text=str(text)) if text.strip():
                said.append(Text(text=text))
            case Media():
                said.append(part)
    return said


def worded(turns: Sequence[Turn]) -> list[Turn]:
    """The turns with later instructions as words among the user's."""
    return [replace(turn, parts=tuple(map(spoken, turn.parts))) for turn in turns]


def spoken(part: Part) -> Part:
    """A part as everybody takes it: a later instruction among the user's words."""
    if isinstance(part, Text) and part.form == LATER:
        return replace(part, text=reminder(part.text), form="")
    return part


def apart(turns: Sequence[Turn]) -> list[Turn]:
    """Return the turns with later instructions in system turns of their own.

    Each follows the user's turn it belongs to. Where that has nothing else in it, they stay text.
    """
    told: list[Turn] = []
    for turn in turns:
        later = [part for part in turn.parts if isinstance(part, Text) and part.form == LATER]
        left = tuple(part for part in turn.parts if part not in later)
        if not later or not left:
            told += worded([turn])
            continue
        told.append(replace(turn, parts=left))
        told.append(Turn(role="system", parts=tuple(replace(p, form="") for p in later)))
    return told


def _length_of_opening(turns: Sequence[Turn]) -> int:
    others = (i for i, turn in enumerate(turns) if turn.role not in SYSTEM_ROLES)
    return next(others, len(turns))


def _marked(part: Text | Media) -> Part:
    return replace(part, form=LATER) if isinstance(part, Text) else part
