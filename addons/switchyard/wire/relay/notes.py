"""Notes what of a reply its provider has to be given back later."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Literal

from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import SignatureDelta
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import Fold

type NotesKeep = Literal["proofs", "calls", "words"]


class Notes:
    """The proofs of one reply, or its tool calls besides, or those and the words of its thinking.

    Created per attempt. Takes the upstream's events as they were read.
    """

    def __init__(
        self, proofs_of: Callable[[Part], Iterator[str]], keeps: NotesKeep = "proofs"
    ) -> None:
        self._proofs_of = proofs_of
        self.keeps: NotesKeep = keeps
        self._proofs: dict[str, None] = {}
        self._signatures: dict[tuple[int, int], list[str]] = {}
        self._fold = Fold("") if keeps != "proofs" else None
        self._parts: tuple[Part, ...] = ()
        self._thinking: set[tuple[int, int]] = set()
        """The parts whose words are kept."""

    def forgets(self, event: TextDelta) -> bool:
        """Whether nothing is kept of the words of a part (see `skim`)."""
        return (event.choice, event.index) not in self._thinking

    def take(self, events: Sequence[Event]) -> None:
        """Note the events of one frame."""
        for event in events:
            match event:
                case SignatureDelta():
                    place = event.choice, event.index
                    self._signatures.setdefault(place, []).append(event.signature)
                case PartStart(part=part):
                    self._note(part)
                    if self.keeps == "words" and isinstance(part, Thinking):
                        self._thinking.add((event.choice, event.index))
                case PartEnd(part=part) if part is not None:
                    self._note(part)
            if self._fold is not None:
                self._fold.add(event)

    def take_reply(self, reply: Reply) -> None:
        """Note a reply that came as one document."""
        for choice in reply.choices:
            for part in choice.parts:
                self._note(part)
            if choice.index == 0:
                self._parts = choice.parts

    @property
    def proofs(self) -> list[str]:
        """All proofs so far, each once."""
        return [*self._proofs, *map("".join, self._signatures.values())]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of the first choice, as far as they are kept."""
        if self._parts or self._fold is None:
            return self._parts
        choices = self._fold.reply().choices
        return choices[0].parts if choices else ()

    def _note(self, part: Part) -> None:
        for proof in self._proofs_of(part):
            self._proofs[proof] = None
