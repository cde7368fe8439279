"""Orders the roles of a conversation as the strictest providers require.

One instruction comes first, then user and assistant alternate, the user first and last, without
empty content. Each breach gets a 400 from some provider: Anthropic's reference, "Create a Message";
Mistral ("Unexpected role 'user' after role 'tool'"); Google ("Please ensure that function call turn
comes immediately after a user turn"); the chat templates of local servers (see `chat_templates`).
"""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.formats.openai_chat.names import NAME as CHAT
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.placing import after_opening
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.placing import opening
from switchyard.wire.shared.placing import worded

_OPENING = "."
"""The user's text if the model's comes first."""
_GOING_ON = "Understood."
"""The model's text between a tool's result and text of the user right after it (Chat)."""
_CONTINUE = "Continue your last message exactly where it ends."
"""The user's text if the model's comes last and has no answer."""


def with_roles_in_order(conversation: Conversation, target: str) -> Conversation:
    """Returns the conversation in the order of roles that every provider accepts.

    `target` is the provider's format. Neighbouring turns of a role are merged, later instructions
    become part of the user's turn, empty texts and turns are left out. Returns the conversation
    itself if nothing changes.
    """
    first = opening(conversation.turns)
    later = [_without_empty(turn) for turn in worded(list(after_opening(conversation.turns)))]
    turns = list(_joined([turn for turn in later if turn.parts]))
    if target == CHAT:
        turns = [apart for turn in turns for apart in _results_apart(turn)]
    if turns and turns[0].role == "assistant":
        turns.insert(0, Turn(role="user", parts=(Text(text=_OPENING),)))
    if turns and turns[-1].role == "assistant" and not _calls(turns[-1]):
        turns.append(Turn(role="user", parts=(Text(text=_CONTINUE),)))
    ordered = (*_one_instruction(first), *turns)
    return conversation if ordered == conversation.turns else altered(conversation, turns=ordered)


def _one_instruction(turns: Sequence[Turn]) -> Sequence[Turn]:
    if len(turns) < 2:
        return turns
    said = tuple(part for turn in turns for part in instructions(turn))
    return (altered(turns[0], parts=said, role="system"),)


def _without_empty(turn: Turn) -> Turn:
    kept = _results_first(tuple(part for part in turn.parts if not _is_empty(part)))
    return turn if kept == turn.parts else altered(turn, parts=kept)


def _is_empty(part: Part) -> bool:
    return isinstance(part, Text) and not part.text.strip()


def _joined(turns: Sequence[Turn]) -> Iterator[Turn]:
    before: Turn | None = None
    for turn in turns:
        if before is None or before.role != turn.role:
            if before is not None:
                yield before
            before = turn
            continue
        before = altered(before, parts=_results_first((*before.parts, *turn.parts)))
    if before is not None:
        yield before


def _results_first(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    results = tuple(part for part in parts if isinstance(part, ToolResult))
    return (*results, *(part for part in parts if not isinstance(part, ToolResult)))


def _results_apart(turn: Turn) -> Iterator[Turn]:
    """Separates a user's turn into results and text, as Chat's messages do.

    A turn of the model separates them.
    """
    results = [part for part in turn.parts if isinstance(part, ToolResult)]
    if len(results) in (0, len(turn.parts)):
        yield turn
        return
    yield Turn(role="user", parts=tuple(results))
    if said := tuple(part for part in turn.parts if not isinstance(part, ToolResult)):
        yield Turn(role="assistant", parts=(Text(text=_GOING_ON),))
        yield Turn(role="user", parts=said)


def _calls(turn: Turn) -> bool:
    return any(isinstance(part, ToolCall) for part in turn.parts)
