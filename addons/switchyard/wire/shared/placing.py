"""Places instructions that come later than at a conversation's beginning.

The system prompt precedes everything: adding later instructions to it changes the beginning, which
invalidates the provider's whole prompt cache, and some Claude models then refuse earlier thinking
(Anthropic's guide "Mid-conversation system messages and tool changes"). So later instructions stay
in place: as a system message if the model accepts one, otherwise as a marked part of the user's
turn.
"""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Turn

LATER = "later-instruction"
"""Form of a text in a user's turn that is an instruction rather than the user's text."""

SYSTEM_ROLES = ("system", "developer")


def lasting(conversation: Conversation) -> Conversation:
    """Removes instructions that applied only to an earlier turn of the user.

    Source: Anthropic, `clear_at` of a system message. Returns the conversation itself if there are
    none.
    """
    turns = conversation.turns
    if conversation.format != "anthropic" or not any(map(_is_for_one_turn, turns)):
        return conversation
    last = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    kept = (t for i, t in enumerate(turns) if i > last or not _is_for_one_turn(t))
    return altered(conversation, turns=tuple(kept))


def _is_for_one_turn(turn: Turn) -> bool:
    return turn.role == "system" and turn.extra.get("clear_at") == "next_user_message"


def reminder(text: str) -> str:
    """Returns an instruction in its form within a user's text."""
    return f"<system-reminder>\n{text}\n</system-reminder>"


def opening(turns: Sequence[Turn]) -> Sequence[Turn]:
    """Returns the instructions at the beginning of a conversation."""
    return turns[: _length_of_opening(turns)]


def after_opening(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Returns the later turns; their instructions become texts of form `LATER`.

    These are in user turns.
    """
    for turn in turns[_length_of_opening(turns) :]:
        if turn.role not in SYSTEM_ROLES:
            yield turn
        elif parts := tuple(_marked(part) for part in instructions(turn)):
            yield Turn(role="user", parts=parts)


def instructions(turn: Turn) -> list[Text | Media]:
    """Returns a system or developer turn's content in parts that every format has."""
    said: list[Text | Media] = []
    for part in turn.parts:
        match part:
            case Text(text=text) if text.strip():
                said.append(altered(part, citations=(), extra={}, form=""))
            case Opaque(text=str(text)) if text.strip():
                said.append(Text(text=text))
            case Media(text=str(text)) if text.strip():
                said.append(Text(text=text))
            case Media():
                said.append(part)
    return said


def worded(turns: Sequence[Turn]) -> list[Turn]:
    """Returns the turns with later instructions as text of the user."""
    return [altered(turn, parts=tuple(map(spoken, turn.parts))) for turn in turns]


def spoken(part: Part) -> Part:
    """Returns a part that every format accepts: later instructions as the user's text."""
    if isinstance(part, Text) and part.form == LATER:
        return altered(part, text=reminder(part.text), form="")
    return part


def apart(turns: Sequence[Turn]) -> list[Turn]:
    """Returns the turns with later instructions in system turns of their own.

    Each follows the user's turn it belongs to. If that turn holds nothing else, they stay text.
    """
    told: list[Turn] = []
    for turn in turns:
        later = [part for part in turn.parts if isinstance(part, Text) and part.form == LATER]
        left = tuple(part for part in turn.parts if part not in later)
        if not later or not left:
            told += worded([turn])
            continue
        told.append(altered(turn, parts=left))
        told.append(Turn(role="system", parts=tuple(altered(p, form="") for p in later)))
    return told


def _length_of_opening(turns: Sequence[Turn]) -> int:
    others = (i for i, turn in enumerate(turns) if turn.role not in SYSTEM_ROLES)
    return next(others, len(turns))


def _marked(part: Text | Media) -> Part:
    return altered(part, form=LATER) if isinstance(part, Text) else part
