"""Generates ids of tool calls for formats that omit them (Gemini, Ollama).

In those formats name and order connect call and result, but every other format needs ids. Generated
ids are distinguishable from a provider's, so that they never go to a provider that did not issue
them.
"""

import re
from collections import deque
from collections.abc import Callable
from collections.abc import Sequence
from hashlib import sha256
from itertools import count

from switchyard.values.records import altered
from switchyard.values.sequences import are_same
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta

_MADE_UP = "call_made_up_"


def is_made_up(call_id: str) -> bool:
    """Whether the router generated an id."""
    return call_id.startswith(_MADE_UP)


class HistoryIds:
    """Ids of the calls and results of one request, in their order.

    Generated ids count the calls, so that they stay the same as the conversation grows (providers'
    prompt caches depend on that).
    """

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[int, tuple[str, str]] = {}
        """Id and name of each unanswered call, by its index among all."""
        self._places: dict[str, deque[int]] = {}
        """Indexes of the calls with an id."""
        self._calls = 0

    def call(self, given: str, name: str) -> str:
        """Returns the id of a call of function `name`; `given` is its own, or empty."""
        call_id = given or self._next()
        self._open[self._calls] = call_id, name
        self._places.setdefault(call_id, deque()).append(self._calls)
        self._calls += 1
        return call_id

    def result(self, given: str, name: str) -> str:
        """Returns the id of the call that a result answers.

        This is the id that it names, otherwise the first unanswered call of the same function (of
        any function, if the result names none).
        """
        places = self._places.get(given) if given else None
        if places:
            del self._open[places.popleft()]
            return given
        for place, (call_id, called) in self._open.items():
            if (not name or called == name) and (not given or is_made_up(call_id)):
                del self._open[place]
                self._places[call_id].remove(place)
                return call_id
        return given or self._next()

    def _next(self) -> str:
        self._count += 1
        return f"{_MADE_UP}{self._count - 1}"


class AnswerIds:
    """Ids of the calls of one reply.

    Generated ones contain a digest of what distinguishes the reply, because clients collect the
    calls of many replies in one conversation.
    """

    def __init__(self) -> None:
        self._count = 0
        self._digest = ""

    def call(self, given: str, answer: str) -> str:
        """Returns the id of a call; `given` is its own, or empty.

        `answer` distinguishes the reply from others; the value at the first call counts.
        """
        if given:
            return given
        if not self._digest:
            self._digest = sha256(answer.encode("utf-8", "replace")).hexdigest()[:12]
        self._count += 1
        return f"{_MADE_UP}{self._digest}_{self._count - 1}"


class UnusedIds:
    """Replaces the ids of a reply's calls that the conversation or the reply already has.

    Some servers count the calls of each reply from 0, or give all calls of a reply one id, and two
    equal replies get the same generated ids. Claude Code takes a call whose id it knows for a
    completed one, and repeats the same request without end.
    """

    def __init__(self, taken: Callable[[str], bool] | None) -> None:
        """`taken` tells whether the conversation has a call of an id; None: it has none."""
        self._taken = taken
        self._given: set[str] = set()

    def of(self, call_id: str) -> str:
        """Returns the id of the next call: its own, which is `call_id`, if no other call has it."""
        if call_id and self._is_taken(call_id):
            call_id = _other(call_id, self._is_taken)
        self._given.add(call_id)
        return call_id

    def _is_taken(self, call_id: str) -> bool:
        return call_id in self._given or (self._taken is not None and self._taken(call_id))


class FreshIds:
    """Gives each call of a reply an id of its own, as a stage (see `relay.stage.Stage`)."""

    over = False

    def __init__(self, taken: Callable[[str], bool]) -> None:
        """`taken` tells whether the conversation has a call of an id."""
        self._ids = UnusedIds(taken)
        self._new: dict[tuple[int, int], str] = {}
        """The new ids, by choice and index of the calls' parts."""
        self.changed = False

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [self._freshened(event) for event in events]

    def forgets(self, event: TextDelta) -> bool:
        """Words pass as they are."""
        return True

    def _freshened(self, event: Event) -> Event:
        if not isinstance(event, PartStart | PartEnd) or not isinstance(event.part, ToolCall):
            return event
        place, given = (event.choice, event.index), event.part.id
        new = self._ids.of(given) if isinstance(event, PartStart) else self._new.get(place, given)
        if new == given:
            return event
        self.changed = True
        self._new[place] = new
        return altered(event, part=altered(event.part, id=new))


def with_own_ids(reply: Reply, taken: Callable[[str], bool] | None) -> Reply:
    """Returns the reply with an id of its own for each call; the reply itself if all have one.

    `taken` tells whether the conversation has a call of an id; None: it has none.
    """
    choices = tuple(_with_own_ids(choice, UnusedIds(taken)) for choice in reply.choices)
    return reply if are_same(choices, reply.choices) else altered(reply, choices=choices)


def _with_own_ids(choice: Choice, ids: UnusedIds) -> Choice:
    parts = tuple(
        altered(part, id=new)
        if isinstance(part, ToolCall) and (new := ids.of(part.id)) != part.id
        else part
        for part in choice.parts
    )
    return choice if are_same(parts, choice.parts) else altered(choice, parts=parts)


def distinct(conversation: Conversation) -> Conversation:
    """Returns the conversation with a distinct id for each call and its result.

    Returns the conversation itself if no id is repeated. A client may hold replies of a server that
    counts the calls of each from 0. Anthropic refuses such a history, and formats whose results
    name the function would name the wrong one. An id depends only on the turns before it, so it
    stays the same as the conversation grows.
    """
    given = [part.id for part in conversation.parts() if isinstance(part, ToolCall)]
    if len(given) == len(set(given)):
        return conversation
    ids = _Distinct()
    turns = []
    for turn in conversation.turns:
        if turn.role != "assistant":
            ids.over = True
        turns.append(altered(turn, parts=tuple(map(ids.part, turn.parts))))
    return altered(conversation, turns=tuple(turns))


class _Distinct:
    """State of `distinct` for the turns so far."""

    def __init__(self) -> None:
        self.over = False
        """Whether something separates the last call from the next part."""
        self._taken: set[str] = set()
        self._open: dict[str, list[str]] = {}
        """The ids of calls without a result, by their given id; the last one stays when answered.
        """
        self._calls: set[str] = set()
        """Given ids of the calls since the latest response began."""

    def part(self, part: Part) -> Part:
        match part:
            case ToolCall():
                return altered(part, id=self._call(part.id))
            case ToolResult(call_id=call_id) if waiting := self._open.get(call_id):
                first = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                return altered(part, call_id=first)
        return part

    def _call(self, given: str) -> str:
        if self.over:
            self.over = False
            self._calls.clear()
        call_id = _other(given, self._taken.__contains__) if given in self._taken else given
        self._taken.add(call_id)
        # A call of an earlier response without a result so far does not get one later.
        waiting = self._open.setdefault(given, []) if given in self._calls else []
        self._open[given] = [*waiting, call_id]
        self._calls.add(given)
        return call_id


def _other(call_id: str, taken: Callable[[str], bool]) -> str:
    """Returns an id that is not `taken` like `call_id`.

    Claude Code 2.1 takes `ID_2` for `ID` where that is taken, and loses the call's result.
    """
    numbered = (f"{call_id[:_STEM]}x{n}" for n in count(2))
    return next(one for one in numbered if not taken(one))


_STEM = 32
"""Characters kept of a repeated id, because OpenAI accepts ids of up to 40."""


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PREFIXES = ("", "call_", "toolu_", "fc_", "chatcmpl-tool-")
_LENGTHS = (24, 9, 32, 16, 8, 40, 12, 20, 36)


def renamed_id(call_id: str, pattern: re.Pattern[str]) -> str:
    """Returns an id that matches all of `pattern`, always the same for a `call_id`.

    Providers' prompt caches depend on that. Returns `call_id` itself if no usual id fits the
    pattern.
    """
    number = int.from_bytes(sha256(call_id.encode("utf-8", "replace")).digest())
    digits = ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        digits += _ALPHABET[digit]
    for prefix in _PREFIXES:
        for length in _LENGTHS:
            if pattern.fullmatch(candidate := prefix + digits[:length]):
                return candidate
    return call_id
