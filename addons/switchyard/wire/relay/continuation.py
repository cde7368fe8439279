"""Continues a broken stream with another attempt's, unnoticed by the client.

A `Continuation` records what the client received. When the stream breaks, `continued` makes the
request that asks the next model to go on from that text, and `fit` joins the new events to the open
stream: no second stream start, text appended to the open text part, later parts numbered on. A tool
call cannot be continued half-way, so a stream in which one began ends with an error.
"""

from switchyard.values.records import altered
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Extra
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta

INSTRUCTION = (
    "Your answer above was cut off by a technical fault. Continue it exactly where it stops, "
    "with the very next characters. Do not repeat anything of it and do not comment on this."
)

_SHORTEST_REPEAT = 12
"""Characters of the text so far that a continuation must begin with to be taken for repeating."""
_LONGEST_REPEAT = 400


class Continuation:
    """One client stream over all the attempts that feed it."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._open_text: int | None = None
        self._highest = -1
        self._calls = False
        self._other_choices = False
        self._offset = 0
        self._joins = False
        self._dropped: set[int] = set()
        self._first_text: int | None = None
        self._unseen = ""

    @property
    def can_go_on(self) -> bool:
        """Whether another attempt may continue the stream."""
        return bool(self.text.strip()) and not self._calls and not self._other_choices

    @property
    def text(self) -> str:
        """The text that the client received so far."""
        return "".join(self._said)

    def begin_next(self) -> None:
        """Expects the events of the next attempt from now on."""
        self._joins = True
        self._offset = self._highest + 1
        self._dropped = set()
        self._first_text = None
        self._unseen = ""

    def fit(self, events: list[Event]) -> list[Event]:
        """Returns the events adapted to the open stream, and records them."""
        if self._joins:
            events = [fitted for event in events for fitted in self._join(event)]
        for event in events:
            self._note(event)
        return events

    def _note(self, event: Event) -> None:
        if getattr(event, "choice", 0):
            self._other_choices = True
            return
        match event:
            case PartStart(index=index, part=part):
                self._highest = max(self._highest, index)
                if isinstance(part, Text):
                    self._open_text = index
                    self._said.append(part.text)
                elif isinstance(part, ToolCall):
                    self._calls = True
            case TextDelta(index=index, text=text) if index == self._open_text:
                self._said.append(text)
            case PartEnd(index=index) if index == self._open_text:
                self._open_text = None

    def _join(self, event: Event) -> list[Event]:
        match event:
            case Start() | Extra():
                return []
            case PartStart(index=index, part=Thinking()):
                # The thinking about how to go on is not a part of the answer that was begun.
                self._dropped.add(index)
                return []
            case PartStart(index=index, part=Text(text=text)) if self._continues(index):
                self._first_text = index
                self._unseen = self.text[-_LONGEST_REPEAT:]
                return self._words(text)
            case TextDelta(index=index, text=text) if index == self._first_text:
                return self._words(text)
            case PartEnd(index=index) if index == self._first_text:
                return [PartEnd(self._first_place())]
        index = getattr(event, "index", None)
        if index is None:
            return [event]
        if index in self._dropped:
            return []
        return [altered(event, index=index + self._offset)]  # type: ignore[call-arg]

    def _continues(self, index: int) -> bool:
        return self._first_text is None and self._open_text is not None

    def _first_place(self) -> int:
        assert self._open_text is not None
        return self._open_text

    def _words(self, text: str) -> list[Event]:
        """Returns more text for the open part, without a repetition of its end."""
        if self._unseen and text:
            text = text[repeated(self._unseen, text) :]
            self._unseen = ""
        return [TextDelta(self._first_place(), text)] if text else []


def repeated(before: str, after: str) -> int:
    """Returns how many characters at the start of `after` repeat the end of `before`."""
    for length in range(min(len(before), len(after)), _SHORTEST_REPEAT - 1, -1):
        if before.endswith(after[:length]):
            return length
    return 0


def continued(conversation: Conversation, text: str, format: Format, model: str) -> Conversation:
    """Returns the request for the rest of an answer that began with `text`.

    The text becomes an assistant turn at the end. Where format or model do not continue such a
    turn, an instruction follows it.
    """
    # An assistant turn that ends in white space is refused (Anthropic), and the model would begin
    # with it anyway.
    begun = Turn(role="assistant", parts=(Text(text=text.rstrip() or text),))
    thinks = conversation.reasoning is not None and conversation.reasoning.enabled is not False
    if format.takes_prefill(model, thinks):
        return altered(conversation, turns=(*conversation.turns, begun))
    ask = Turn(role="user", parts=(Text(text=INSTRUCTION),))
    return altered(conversation, turns=(*conversation.turns, begun, ask))
