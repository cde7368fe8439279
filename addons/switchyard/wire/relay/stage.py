"""Defines a step that changes a response's events between reader and client."""

from collections.abc import Sequence
from typing import Protocol

from switchyard.wire.model.events import Event


class Stage(Protocol):
    """Takes the events of one response in their order. One per attempt.

    The client reads the same however the upstream splits its bytes. A stage that passes words on as
    they are, and keeps nothing of them, declares that by a method `forgets` (see `skim.Forgets`):
    without it every frame of a stream is read for its sake.
    """

    @property
    def changed(self) -> bool:
        """Whether the stage changed the response."""
        ...

    @property
    def over(self) -> bool:
        """Whether the stage ended the response; the upstream may still send more."""
        ...

    def feed(self, events: Sequence[Event]) -> list[Event]:
        """Returns the events that replace `events`."""
        ...
