"""Carries reasoning of other providers through a Gemini client.

Gemini's clients drop thoughts from the history, but return the `thoughtSignature` of a function
call with the call (gemini-cli, Qwen Code, opencode and pi do). So the signature of the next call
carries what another provider needs again (Anthropic's signed thinking, OpenAI's encrypted
reasoning), with its position in the turn. Providers need it only until the user's next turn, so a
response without calls carries nothing.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import NAME
from switchyard.wire.formats.gemini.names import own
from switchyard.wire.formats.gemini.names import owned
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.shared.envelope import seal_content
from switchyard.wire.shared.envelope import unseal_content

_KEPT = ("text", "signature", "signer", "redacted", "id", "dialect")


class Carrier:
    """Collects the proofs of one response; takes each of its parts in order."""

    def __init__(self) -> None:
        self._pieces: list[JsonObject] = []
        self._before = 0
        self._in_text = False

    def thinking(self, part: Thinking) -> None:
        """Takes a complete thinking part."""
        is_own = part.signer in (None, NAME) and part.dialect is None
        if is_own or not (part.signature or part.redacted):
            return
        piece: JsonObject = {"at": self._before}
        piece.update({key: value for key in _KEPT if (value := getattr(part, key))})
        if part.summary:
            piece["summary"] = True
        self._pieces.append(piece)

    def text(self) -> None:
        """Takes text of the response; clients may join neighbouring texts."""
        if not self._in_text:
            self._in_text = True
            self._before += 1

    def call(self) -> str | None:
        """Returns the signature for the next function call; None if nothing is carried."""
        self._in_text = False
        self._before += 1
        if not self._pieces:
            return None
        signature = seal_content({"thinking": self._pieces})
        self._pieces = []
        return signature


def carried(signature: str | None) -> list[JsonObject]:
    """Returns the pieces that a call's signature carries."""
    content = unseal_content(signature) if signature else None
    return objects_of(content.get("thinking")) if content else []


def put_back(parts: list[Part], pieces: list[JsonObject]) -> None:
    """Inserts carried thinking at its original position among `parts`.

    It replaces thoughts without proof that the client sent.
    """
    parts[:] = [part for part in parts if not _is_unproven(part)]
    for piece in pieces:
        parts.insert(_place(parts, piece.get("at")), _thinking(piece))


def put_in_order(parts: list[Part]) -> None:
    """Moves carried thinking to its position in the whole turn.

    `put_back` sees one message of the turn at a time.
    """
    for part in [part for part in parts if isinstance(part, Thinking)]:
        if (at := own(part.extra).get("at")) is not None:
            parts.remove(part)
            parts.insert(_place(parts, at), part)


def _is_unproven(part: Part) -> bool:
    return isinstance(part, Thinking) and not part.signature and not part.redacted


def _place(parts: list[Part], before: object) -> int:
    """Returns where the text or call number `before` begins.

    Neighbouring texts count as one.
    """
    if not isinstance(before, int):
        return 0
    count, in_text = 0, False
    for index, part in enumerate(parts):
        begins = isinstance(part, ToolCall) or (isinstance(part, Text) and not in_text)
        if begins and count >= before:
            return index
        count += begins
        if isinstance(part, Text | ToolCall):
            in_text = isinstance(part, Text)
    return len(parts)


def _thinking(piece: JsonObject) -> Thinking:
    said = {key: text_of(piece.get(key)) or None for key in _KEPT}
    place = {"at": piece["at"]} if isinstance(piece.get("at"), int) else {}
    return Thinking(
        text=said["text"] or "",
        signature=said["signature"],
        signer=said["signer"],
        redacted=said["redacted"],
        id=said["id"],
        dialect=said["dialect"],
        summary=piece.get("summary") is True,
        extra=owned(place),
    )
