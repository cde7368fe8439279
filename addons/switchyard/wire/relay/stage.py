"""What may become of an answer's events on their way from the upstream's reader to the client."""

from collections.abc import Sequence
from typing import Protocol

from switchyard.wire.model.events import Event


class Stage(Protocol):
    """Takes the events of one answer in their order. Created per attempt; not shared.

    However the upstream's bytes are cut into pieces, the client reads the same.
    """

    @property
    def changed(self) -> bool:
        """Whether the answer is another than the upstream's."""
        ...

    @property
    def over(self) -> bool:
        """Whether the answer was ended here: what the upstream goes on to say is not wanted."""
        ...

    def feed(self, events: Sequence[Event]) -> list[Event]:
        """The events that go on instead of these."""
        ...
