"""Finds the state of the choice that an event belongs to."""

from collections.abc import Callable

from switchyard.wire.model.events import Event


class ByChoice[State]:
    """The states of a reply's choices, each made for the first event of its choice."""

    def __init__(self, begin: Callable[[int], State]) -> None:
        """`begin` makes the state of the choice with an index."""
        self._begin = begin
        self.states: dict[int, State] = {}

    def of(self, event: Event) -> State | None:
        """Returns the state of an event's choice; None for an event of the whole reply."""
        index = getattr(event, "choice", None)
        if index is None:
            return None
        state = self.states.get(index)
        if state is None:
            state = self.states[index] = self._begin(index)
        return state
