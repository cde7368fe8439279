"""Moves calls and their results to where every API wants them.

A result must answer each call, right after the turn that makes it, and calls are the last of a
turn (each breach gets a 400: OpenAI's guide "Function calling" and Anthropic's "Tool
use", handling results; Gemini counts the responses to a turn's calls). Clients of lenient providers
cut histories anywhere, answer late, or not at all after an interruption.
"""

from collections import Counter
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn

_UNANSWERED = "This call was not answered."


def paired(conversation: Conversation) -> Conversation:
    """Return the conversation with each call answered by the turn after it.

    Returns the conversation itself where it is so. A call without a result gets one that states
    that, a late one moves to its call, and one without its call becomes text, as does a last one
    that had to be moved: else the model would have had the last word.
    """
    turns = conversation.turns
    if any(map(_answers_itself, turns)):
        turns = tuple(piece for turn in turns for piece in _apart(turn))
        conversation = replace(conversation, turns=turns)
    if _is_paired(turns):
        return conversation
    answers = _Answers(turns)
    made = [one for index, turn in enumerate(turns) for one in answers.turns(index, turn)]
    if made and made[-1].role == "assistant" and turns[-1].role == "user":
        said = [Text(text=p.text or ".") for p in turns[-1].parts if isinstance(p, ToolResult)]
        made.append(Turn(role="user", parts=tuple(said)))
    return replace(conversation, turns=tuple(made))


def _answers_itself(turn: Turn) -> bool:
    """Whether a model's turn has results, as some clients of Gemini's API write them."""
    return turn.role == "assistant" and any(isinstance(part, ToolResult) for part in turn.parts)


def _apart(turn: Turn) -> Iterator[Turn]:
    """A model's turn, its results in turns of the user's between its pieces."""
    if not _answers_itself(turn):
        yield turn
        return
    for is_result, parts in groupby(turn.parts, lambda part: isinstance(part, ToolResult)):
        if is_result:
            yield Turn(role="user", parts=tuple(parts))
        else:
            yield replace(turn, parts=tuple(parts))


def _is_paired(turns: Sequence[Turn]) -> bool:
    open: Counter[str] = Counter()
    for turn in turns:
        if turn.role != "user" and open:
            return False
        for part in turn.parts:
            if isinstance(part, ToolCall):
                open[part.id] += 1
            elif isinstance(part, ToolResult):
                if part.call_id not in open:
                    return False
                open[part.call_id] -= 1
                if not open[part.call_id]:
                    del open[part.call_id]
            elif open and turn.role == "assistant" and _is_said(part):
                return False
    return not open


def _is_said(part: Part) -> bool:
    return isinstance(part, Text | Refusal | Opaque) and bool(part.text)


class _Answers:
    """Finds the result of each call. One per conversation; the turns in their order."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._results: dict[str, deque[tuple[int, ToolResult]]] = {}
        """Those that are left of each call, with the places of their turns."""
        for index, turn in enumerate(turns):
            for part in turn.parts:
                if isinstance(part, ToolResult):
                    self._results.setdefault(part.call_id, deque()).append((index, part))
        self._used: set[int] = set()
        """`id()` of the results that were placed."""

    def turns(self, index: int, turn: Turn) -> Iterator[Turn]:
        """What becomes of one turn."""
        if turn.role != "assistant":
            parts = tuple(one for part in turn.parts for one in self._left(part))
            if parts or not turn.parts:
                yield turn if parts == turn.parts else replace(turn, parts=parts, form="")
            return
        parts = _calls_last(turn.parts)
        yield replace(turn, parts=parts)
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls:
            yield Turn(role="user", parts=tuple(self._answer(index, call) for call in calls))

    def _answer(self, index: int, call: ToolCall) -> ToolResult:
        results = self._results.get(call.id)
        while results:
            place, part = results.popleft()
            # What stands before this call stands before all that follow.
            if place > index and id(part) not in self._used:
                self._used.add(id(part))
                return part
        said = (Text(text=_UNANSWERED),)
        return ToolResult(call_id=call.id, parts=said, is_error=True, name=call.name)

    def _left(self, part: Part) -> Iterator[Part]:
        """What is left of a part of a user's turn."""
        if not isinstance(part, ToolResult):
            yield part
        elif id(part) not in self._used:
            yield from part.parts


def _calls_last(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with the words that follow a call before the first one."""
    first = next((i for i, part in enumerate(parts) if isinstance(part, ToolCall)), len(parts))
    late = [part for part in parts[first:] if _is_said(part)]
    if not late:
        return tuple(parts)
    kept = [part for part in parts[first:] if not _is_said(part)]
    return (*parts[:first], *late, *kept)
