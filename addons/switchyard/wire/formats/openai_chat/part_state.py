"""Tracks the state of a part while a writer streams it."""

from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.shared.custom_tools import InputStream


class PartState:
    """Holds the state of one part, from its start to its end."""

    __slots__ = (
        "entry",
        "input",
        "name",
        "number",
        "part",
        "said",
        "signature",
        "signer",
        "start",
        "words",
    )

    def __init__(self, part: Part, name: str = "", start: int = 0) -> None:
        self.part = part
        self.name = name
        self.start = start
        self.number = 0
        self.input: InputStream | None = None
        """Turns the arguments of a function into the input of the custom tool in its place."""
        self.said = False
        """Whether any arguments of a call arrived."""
        self.words: list[str] = []
        self.entry: tuple[int, str, str] | None = None
        """The entry of `reasoning_details` with the text of thinking whose proof may follow.

        It is given by its index, its type, and the member that holds the text.
        """
        self.signature = ""
        self.signer = ""

    def thinking(self) -> Thinking | None:
        """The thinking part with its text so far; None for a part of another kind."""
        part = self.part
        if not isinstance(part, Thinking):
            return None
        return Thinking(
            text="".join(self.words),
            signature=self.signature or part.signature,
            signer=self.signer or part.signer,
            redacted=part.redacted,
            id=part.id,
            summary=part.summary,
            dialect=part.dialect,
            extra=part.extra,
            form=part.form,
        )
