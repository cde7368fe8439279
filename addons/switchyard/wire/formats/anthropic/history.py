"""Adapts the turns of another format's conversation to the API's order and shape.

The rules (API reference, "Messages"; guide "Tool use", handling tool results; the API answers each
breach with a 400):

- texts need a visible character, and the last assistant turn must not end in white space;
- each `tool_use` needs its `tool_result` at the start of the very next turn; ids are unique and
  made of letters, digits, `_` and `-`;
- assistant turns hold no media, nor do results of failed calls ("all content must be type `text` if
  `is_error` is true", vellum-ai/vellum-assistant#18387);
- reasoning without a signature of the API's own is refused.

A conversation may begin with an assistant turn, so no turn is inserted before it.
"""

import re
from base64 import b64decode
from collections import deque
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import arguments_object
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Role
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.placing import LATER
from switchyard.wire.shared.placing import after_opening
from switchyard.wire.shared.placing import apart
from switchyard.wire.shared.placing import worded
from switchyard.wire.shared.tool_names import Names

_UNANSWERED = "This call was not answered."

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")

_IMAGE_TYPES = {
    "iVBOR": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""Prefixes of the base64 of images that the API accepts."""

_TEXT_TYPES = (
    "application/json",
    "application/xml",
    "application/javascript",
    "application/x-yaml",
)


def adapt_turns(c: Conversation, names: Names) -> list[Turn]:
    """Returns at least one turn of `c`, without the system messages at its beginning.

    Later system messages stay in place: as system turns after the user's if the model accepts them
    there (guide "Mid-conversation system messages": right after a user turn, and before the
    assistant's or last), otherwise as text of the user's turn.

    Turns of the same role are merged. A call without a result gets a result that says so; a result
    without a call becomes text. Media of an assistant turn move to the user turn after it, those of
    a failed call's result behind the results. A conversation of system messages alone gets a user
    turn of one full stop, because the API requires a turn. So does one whose first user turn is
    empty, also when it goes on, so that it begins with the same bytes.
    """
    turns = _Pairing(_cleaned(c, names)).turns()
    if turns and turns[0].role == "assistant" and _begins_with_user(c):
        turns.insert(0, Turn(role="user", parts=(Text(text="."),)))
    turns = apart(turns) if c.takes_system else worded(turns)
    if turns and turns[-1].role == "assistant":
        turns = [*turns[:-1], *_prefill(turns[-1])]
    return turns or [Turn(role="user", parts=(Text(text="."),))]


def _begins_with_user(c: Conversation) -> bool:
    first = next(after_opening(c.turns), None)
    return first is not None and first.role == "user"


def _cleaned(c: Conversation, names: Names) -> list[tuple[Role, list[Part]]]:
    """Returns turns of parts that this format has, with same-role neighbours merged."""
    merged: list[tuple[Role, list[Part]]] = []
    media: list[Part] = []
    for turn in after_opening(c.turns):
        parts: list[Part] = [
            part
            for one in turn.parts
            for p in _apart(one)
            if (part := _clean(p, names, c.takes_thinking)) is not None
        ]
        if turn.role == "assistant":
            media += [part for part in parts if isinstance(part, Media)]
            parts = [part for part in parts if not isinstance(part, Media | ToolResult)]
        else:
            parts = [*media, *parts]
            media = []
        if merged and merged[-1][0] == turn.role:
            merged[-1][1].extend(parts)
        elif parts:
            merged.append((turn.role, parts))
    return merged


def _clean(part: Part, names: Names, thinks: bool = False) -> Part | None:
    """Returns a part without members of its own format; None if nothing remains.

    `thinks`: whether the model expects earlier thinking that it cannot have signed.
    """
    match part:
        case Text(text=text):
            form = LATER if part.form == LATER else ""
            return Text(text=text, cache=part.cache, form=form) if text.strip() else None
        case Opaque(format=format) if format == NAME:
            return part
        case Refusal(text=text) | Opaque(text=str(text)):
            return Text(text=text) if text.strip() else None
        case Thinking(signer=signer):
            if signer == NAME and (part.signature or part.redacted):
                return altered(part, extra={}, form="")
            return Thinking(text=part.text) if thinks and part.text else None
        case Media(kind="image" | "document"):
            return _clean_media(part)
        case ToolCall():
            arguments = dumps(arguments_object(part)).decode()
            name = names.flat(part.name, part.namespace)
            return ToolCall(id=part.id, name=name, arguments=arguments, cache=part.cache)
        case ToolResult():
            return _clean_result(part, names)
    return None


def _clean_media(part: Media) -> Media | None:
    """Returns an image or document in a form that the API accepts.

    Returns None if only the original format knows its kind of source.
    """
    if not (part.data or part.url or part.file_id or part.text):
        return None
    part = altered(part, extra={}, form="", detail=None, transcript=None)
    if part.data is None:
        return part
    media_type = (part.media_type or "").partition(";")[0].strip().lower()
    if part.kind == "image":
        if media_type not in _IMAGE_TYPES.values():
            heads = (t for head, t in _IMAGE_TYPES.items() if part.data.startswith(head))
            media_type = next(heads, media_type or "image/png")
        return altered(part, media_type=media_type)
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            text = b64decode(part.data).decode()
        except ValueError:
            return part
        return altered(part, data=None, text=text, media_type="text/plain")
    return altered(part, media_type=media_type or "application/pdf")


def _clean_result(part: ToolResult, names: Names) -> ToolResult:
    """Returns a tool result, reduced to one text if it holds nothing else."""
    parts = [said for p in part.parts if (said := _clean(p, names)) is not None]
    parts = [p for p in parts if isinstance(p, Text | Media | Opaque)]
    if not parts and part.is_error:
        # The API refuses an empty result that is an error.
        parts = [Text(text="error")]
    match parts:
        case [] | [Text(cache=None)]:
            form = "string"
        case _:
            form = ""
    return ToolResult(
        call_id=part.call_id,
        parts=tuple(parts),
        is_error=part.is_error or None,
        cache=part.cache,
        form=form,
    )


def _apart(part: Part) -> Iterator[Part]:
    """Yields the result of a failed call without its media, then these; other parts unchanged."""
    if not isinstance(part, ToolResult) or not part.is_error:
        yield part
        return
    media = [inner for inner in part.parts if isinstance(inner, Media)]
    words = tuple(inner for inner in part.parts if not isinstance(inner, Media))
    yield altered(part, parts=words) if media else part
    yield from media


class _Pairing:
    """Places each tool result directly after its call."""

    def __init__(self, turns: Sequence[tuple[Role, list[Part]]]) -> None:
        self._source = turns
        self._done: list[tuple[Role, list[Part]]] = []
        self._results: dict[str, deque[tuple[int, ToolResult]]] | None = None
        self._used: set[int] = set()
        """The `id()`s of the results already placed."""
        self._ids: set[str] = set()

    def turns(self) -> list[Turn]:
        for index, (role, parts) in enumerate(self._source):
            if role == "user":
                self._add("user", filter(None, map(self._leftover, parts)))
                continue
            results = self._answer(index, [p for p in parts if isinstance(p, ToolCall)])
            renamed = iter(results)
            self._add(
                "assistant",
                (
                    altered(p, id=next(renamed).call_id) if isinstance(p, ToolCall) else p
                    for p in parts
                ),
            )
            self._add("user", results)
        self._keep_last_word()
        return [Turn(role=role, parts=tuple(parts)) for role, parts in self._done]

    def _keep_last_word(self) -> None:
        """Repeats results of early calls if the last turn holds nothing else.

        Otherwise the assistant's turn before them would come last, and the model would continue it.
        """
        if not self._done or self._done[-1][0] == "user":
            return
        role, parts = self._source[-1]
        if role == "user":
            said = (p.text for p in parts if isinstance(p, ToolResult))
            self._add("user", [Text(text=text or ".") for text in said])

    def _add(self, role: Role, parts: Iterable[Part]) -> None:
        parts = list(parts)
        if not parts:
            return
        if self._done and self._done[-1][0] == role:
            self._done[-1][1].extend(parts)
        else:
            self._done.append((role, parts))

    def _answer(self, index: int, calls: list[ToolCall]) -> list[ToolResult]:
        """Returns a result for each call of turn `index`, with the id the call will have."""
        answers: list[ToolResult] = []
        for call in calls:
            new_id = self._new_id(call.id)
            found = self._find(index, call.id)
            if found is None:
                said = (Text(text=_UNANSWERED),)
                found = ToolResult(call_id=new_id, parts=said, is_error=True, form="string")
            answers.append(altered(found, call_id=new_id))
        return answers

    def _find(self, index: int, call_id: str) -> ToolResult | None:
        """Returns the first unclaimed result for this id after turn `index`."""
        if self._results is None:
            self._results = {}
            for place, (_, parts) in enumerate(self._source):
                for part in parts:
                    if isinstance(part, ToolResult):
                        self._results.setdefault(part.call_id, deque()).append((place, part))
        results = self._results.get(call_id)
        while results:
            place, part = results.popleft()
            # The parts before this call come before all later calls too.
            if place > index and id(part) not in self._used:
                self._used.add(id(part))
                return part
        return None

    def _new_id(self, call_id: str) -> str:
        stem = _NOT_IN_AN_ID.sub("_", call_id) or "call"
        name, count = stem, 1
        while name in self._ids:
            count += 1
            name = f"{stem}_{count}"
        self._ids.add(name)
        return name

    def _leftover(self, part: Part) -> Part | None:
        """Returns a part of a user turn that is not placed yet.

        A result without a call becomes text.
        """
        if not isinstance(part, ToolResult):
            return part
        if id(part) in self._used or not part.text:
            return None
        return Text(text=part.text)


def _prefill(turn: Turn) -> list[Turn]:
    """Strips trailing white space from an assistant turn that the model continues."""
    last = turn.parts[-1]
    if not isinstance(last, Text):
        return [turn]
    return [altered(turn, parts=(*turn.parts[:-1], altered(last, text=last.text.rstrip())))]
