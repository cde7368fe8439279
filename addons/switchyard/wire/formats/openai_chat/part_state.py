"""What a writer knows of a part while its stream goes on."""

from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.shared.custom_tools import InputStream


class PartState:
    """One part, from its beginning to its end."""

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
        """Turns the arguments of a function into the input of the custom tool it stands for."""
        self.said = False
        """Of a call: whether any arguments came."""
        self.words: list[str] = []
        self.entry: tuple[int, str, str] | None = None
        """Of thinking whose proof may follow: the entry of `reasoning_details` that repeats its
        words, as its index, its type, and the member that holds the words."""
        self.signature = ""
        self.signer = ""

    def thinking(self) -> Thinking | None:
        """The thinking part as it has become; None if this is none."""
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
            extra=part.extra,
            form=part.form,
        )
