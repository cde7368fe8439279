"""Puts overlapping parts in sequence, for formats with one open block at a time."""

from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.events import ArgumentsDelta
from switchyard.wire.model.events import CitationDelta
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import MediaDelta
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import TextDelta

_OF_PART = (TextDelta, ArgumentsDelta, SignatureDelta, CitationDelta, MediaDelta, PartEnd)


class Sequencer:
    """Reorders the events of choice 0 so that parts never overlap. One per stream.

    Events of the open part go through at once; those of later parts wait for its `PartEnd`. At
    `Finish` and `End` every part still open is ended first. At `Failure` only an open one is, and
    no call: a client takes a call that has ended for one to run. Other choices are left out.
    """

    def __init__(self) -> None:
        self._open: int | None = None
        self._in_call = False
        """Whether the open part is a call."""
        self._waiting: dict[int, list[Event]] = {}

    def feed(self, event: Event) -> list[Event]:
        """The events that may go out now that `event` has come."""
        if getattr(event, "choice", 0):
            return []
        if isinstance(event, PartStart):
            if self._open is None:
                self._open = event.index
                self._in_call = isinstance(event.part, ToolCall)
                return [event]
            self._waiting[event.index] = [event]
            return []
        if isinstance(event, _OF_PART):
            if event.index == self._open:
                if isinstance(event, PartEnd):
                    return [event, *self._next()]
                return [event]
            waiting = self._waiting.get(event.index)
            if waiting is not None:
                waiting.append(event)
            return []
        if isinstance(event, Failure):
            broken = self._open is None or self._in_call
            return [event] if broken else [PartEnd(self._open or 0), event]
        if isinstance(event, Finish | End):
            return [*self.drain(), event]
        return [event]

    def drain(self) -> list[Event]:
        """Ends the open part, and sends and ends all that wait behind it."""
        events: list[Event] = []
        while self._open is not None:
            events.append(PartEnd(self._open))
            events.extend(self._next())
        return events

    def _next(self) -> list[Event]:
        """Opens the parts that wait, up to the first that is not complete yet."""
        events: list[Event] = []
        self._open = None
        while self._open is None and self._waiting:
            index = next(iter(self._waiting))
            waiting = self._waiting.pop(index)
            events.extend(waiting)
            if not isinstance(waiting[-1], PartEnd):
                self._open = index
                first = waiting[0]
                self._in_call = isinstance(first, PartStart) and isinstance(first.part, ToolCall)
        return events
