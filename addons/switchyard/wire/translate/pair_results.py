"""Moves calls and their results to the positions that every API requires.

A result must answer each call, right after the turn that makes it, and calls come last in a turn
(each breach gets a 400: OpenAI's guide "Function calling" and Anthropic's "Tool use", handling
results; Gemini counts the responses to a turn's calls). Clients of lenient providers cut histories
anywhere, and answer late, or not at all after an interruption.
"""

from collections import Counter
from collections import deque
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import groupby

from switchyard.values.records import altered
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
    """Returns the conversation with each call answered by the turn after it.

    Returns the conversation itself if that is so already. A call without a result gets one that
    states that, a result behind other words moves to its call, and a result without its call
    becomes text. So does one that came after the model had gone on without it: what was sent before
    stays as it was sent, since a change would break the prompt cache.
    """
    turns = conversation.turns
    if any(map(_answers_itself, turns)):
        turns = tuple(piece for turn in turns for piece in _apart(turn))
        conversation = altered(conversation, turns=turns)
    steps = list(_steps(turns))
    if all(map(_is_paired, steps)):
        return conversation
    made: list[Turn] = []
    for step in steps:
        made += step if _is_paired(step) else _Answers(step).turns()
    if made and made[-1].role == "assistant" and turns[-1].role == "user":
        said = [Text(text=p.text or ".") for p in turns[-1].parts if isinstance(p, ToolResult)]
        made.append(Turn(role="user", parts=tuple(said)))
    return altered(conversation, turns=tuple(made))


def _steps(turns: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    """Splits a conversation into the model's turns, each with all that the next request added."""
    begin = 0
    for place in range(1, len(turns)):
        if turns[place].role == "assistant" and turns[place - 1].role != "assistant":
            yield turns[begin:place]
            begin = place
    yield turns[begin:]


def _answers_itself(turn: Turn) -> bool:
    """Whether a model's turn has results, as some clients of Gemini's API write them."""
    return turn.role == "assistant" and any(isinstance(part, ToolResult) for part in turn.parts)


def _apart(turn: Turn) -> Iterator[Turn]:
    """Splits a model's turn at its results, which become turns of the user."""
    if not _answers_itself(turn):
        yield turn
        return
    for is_result, parts in groupby(turn.parts, lambda part: isinstance(part, ToolResult)):
        if is_result:
            yield Turn(role="user", parts=tuple(parts))
        else:
            yield altered(turn, parts=tuple(parts))


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
    """Finds the result of each call within one step of a conversation."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self._results: dict[str, deque[tuple[int, ToolResult]]] = {}
        """The unplaced results of each call, with the indexes of their turns."""
        for index, turn in enumerate(turns):
            for part in turn.parts:
                if isinstance(part, ToolResult):
                    self._results.setdefault(part.call_id, deque()).append((index, part))
        self._used: set[int] = set()
        """The `id()`s of the results already placed."""

    def turns(self) -> list[Turn]:
        """Returns the turns that replace those of the step."""
        return [one for place, turn in enumerate(self._turns) for one in self._made(place, turn)]

    def _made(self, index: int, turn: Turn) -> Iterator[Turn]:
        if turn.role != "assistant":
            parts = tuple(one for part in turn.parts for one in self._left(part))
            if parts or not turn.parts:
                yield turn if parts == turn.parts else altered(turn, parts=parts, form="")
            return
        parts = _calls_last(turn.parts)
        yield altered(turn, parts=parts)
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if calls:
            yield Turn(role="user", parts=tuple(self._answer(index, call) for call in calls))

    def _answer(self, index: int, call: ToolCall) -> ToolResult:
        results = self._results.get(call.id)
        while results:
            place, part = results.popleft()
            # The parts before this call come before all later calls too.
            if place > index and id(part) not in self._used:
                self._used.add(id(part))
                return part
        said = (Text(text=_UNANSWERED),)
        return ToolResult(call_id=call.id, parts=said, is_error=True, name=call.name)

    def _left(self, part: Part) -> Iterator[Part]:
        """Returns the remainder of a part of a user's turn."""
        if not isinstance(part, ToolResult):
            yield part
        elif id(part) not in self._used:
            yield from part.parts


def _calls_last(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Returns the parts with any text after a call moved before the first call."""
    first = next((i for i, part in enumerate(parts) if isinstance(part, ToolCall)), len(parts))
    late = [part for part in parts[first:] if _is_said(part)]
    if not late:
        return tuple(parts)
    kept = [part for part in parts[first:] if not _is_said(part)]
    return (*parts[:first], *late, *kept)
