"""Compacts conversations in the router, for providers without compaction.

OpenAI's guide "Compaction" and Anthropic's "Compaction on demand": a provider replaces a
conversation by one item (block), which the client sends back in its place. If a provider cannot do
so, its model writes a summary as text, and the client receives that as an item of its own format:
in an envelope (see `envelope`) that only the router opens. In a request the summary replaces
everything before it.
"""

from collections.abc import Callable
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.envelope import seal_content
from switchyard.wire.shared.envelope import unseal_content
from switchyard.wire.shared.placing import opening

KINDS = frozenset({"compaction", "compaction_summary", "context_compaction"})
"""Types of items and blocks that hold a summary: OpenAI's, Codex' older ones, Anthropic's."""

TRIGGER = "compaction_trigger"
"""Type of the item that requests a compaction (OpenAI)."""

_RESPONSES = "openai-responses"
"""The format whose compacted conversations keep the user's messages before the item."""

_ALONE = ("compaction", "context_management", "settings", "text")
"""Extra members of a request for a compaction, or for the shape of a reply."""

ASK = """\
Stop here. Write a summary of the conversation so far. It takes the conversation's place: whoever \
goes on with the work has this summary and nothing else of what stands above.

Include:
- what the user asked for and wants, with every requirement, constraint and preference, in the \
user's own words where wording matters;
- what was done and found out, and what was decided for which reasons;
- names, paths, identifiers, commands, numbers, code and error messages that are still needed, \
exactly as they are;
- what did not work, so that it is not tried again;
- where the work stands, what is left to do, and the next step.

Call no tools. Answer with the summary alone."""

_TOLD = """\
The beginning of this conversation was replaced by a summary of it, to save space. Go on from there.

<summary>
{}
</summary>"""


def seal_summary(text: str) -> str:
    """Returns the envelope of a summary, for a field that is opaque to clients."""
    return seal_content({"summary": text})


def open_summary(value: object) -> str | None:
    """Returns the summary in an envelope; None if it is none, or damaged."""
    content = unseal_content(value)
    summary = content.get("summary") if content is not None else None
    return summary if isinstance(summary, str) and summary else None


def is_summary(part: Part) -> bool:
    """Whether a part of a request is a text summary of everything before it."""
    return isinstance(part, Opaque) and part.kind in KINDS and bool(part.text)


def is_ours(raw: JsonObject) -> bool:
    """Whether the router made a compaction item or block."""
    return is_sealed(raw.get("encrypted_content")) or is_sealed(raw.get("signature"))


def compacted(conversation: Conversation, *, ours: bool = False) -> Conversation:
    """Returns the conversation from its last summary on, as text of the user.

    With `ours`, only summaries that the router made count. Instructions at the beginning stay, and
    so do the user's messages before a compaction item of the Responses API if nothing else precedes
    it: a compacted conversation retains them (API reference, "Compact a response"). Returns the
    conversation itself if there is no summary.
    """
    turns = conversation.turns
    for place in range(len(turns) - 1, -1, -1):
        parts = turns[place].parts
        for index in range(len(parts) - 1, -1, -1):
            part = parts[index]
            if isinstance(part, Opaque) and is_summary(part) and (not ours or is_ours(part.raw)):
                return altered(conversation, turns=_cut(conversation, place, index, part))
    return conversation


def summarising(conversation: Conversation, instructions: str | None = None) -> Conversation:
    """Returns the request that asks the model for a summary.

    Includes `instructions` if given. Tools stay declared to keep the provider's cache valid, but
    the tool choice forbids calls.
    """
    told = compacted(conversation)
    turns = (altered(t, parts=tuple(filter(_is_said, t.parts))) for t in told.turns)
    ask = Turn(role="user", parts=(Text(text=instructions or ASK),))
    tools = tuple(tool for tool in told.tools if tool.kind != "server")
    return altered(
        told,
        turns=(*(turn for turn in turns if turn.parts), ask),
        tools=tools,
        tool_choice=ToolChoice(mode="none") if tools else None,
        output=None,
        stop=(),
        candidates=None,
        logprobs=None,
        top_logprobs=None,
        modalities=(),
        audio=None,
        prediction=None,
        web_search=None,
        extra={k: v for k, v in told.extra.items() if k not in _ALONE},
        form="",
    )


class SummaryStage:
    """Turns a reply that is a summary into one compaction item or block.

    See `relay.stage.Stage`. It emits nothing before the summary is complete, so until then another
    attempt can replace this one.
    """

    over = False
    changed = True

    def __init__(self, write: Callable[[str], Opaque]) -> None:
        """Takes `write`, which makes the client's item or block of a summary."""
        self._write = write
        self._texts: dict[int, list[str]] = {}

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [out for event in events for out in self._take(event)]

    def _take(self, event: Event) -> list[Event]:
        if getattr(event, "choice", None) is None:
            return [event]
        if event.choice:  # pyright: ignore[reportAttributeAccessIssue]
            return []
        match event:
            case PartStart(index=index, part=Text(text=text)):
                self._texts[index] = [text]
            case TextDelta(index=index, text=text) if index in self._texts:
                self._texts[index].append(text)
            case PartEnd(index=index, part=Text(text=text)):
                self._texts[index] = [text]
            case Finish(stop=stop):
                return self._finish(stop)
        return []

    def _finish(self, stop: Stop) -> list[Event]:
        text = "\n\n".join(filter(None, ("".join(self._texts[i]) for i in sorted(self._texts))))
        if not text.strip() or stop.reason in ("refusal", "content_filter", "error"):
            message = "The model gave no summary of the conversation, which compaction needs."
            return [Failure(ApiError(message=message, kind="unavailable"))]
        part = self._write(text.strip())
        return [PartStart(0, part), PartEnd(0), Finish(Stop(reason="compaction"))]


def _cut(conversation: Conversation, place: int, index: int, part: Opaque) -> tuple[Turn, ...]:
    turns = conversation.turns
    turn = turns[place]
    begun = altered(turn, parts=turn.parts[:index])
    before = [*turns[:place], begun] if begun.parts else list(turns[:place])
    kept = before if _is_retained(conversation.format, before) else opening(before)
    cache = part.raw.get("cache_control")
    text = Text(text=_TOLD.format(part.text), cache=cache if isinstance(cache, dict) else None)
    after = altered(turn, parts=turn.parts[index + 1 :])
    left = [after, *turns[place + 1 :]] if after.parts else list(turns[place + 1 :])
    told = Turn(role="user", parts=(text,))
    if conversation.format != _RESPONSES and left and left[0].role == "user":
        # Some providers of this format require alternating roles.
        told = altered(left[0], parts=(text, *left[0].parts), form="")
        del left[0]
    return (*map(_plain, kept), told, *left)


def _is_retained(format: str, before: Sequence[Turn]) -> bool:
    """Whether the turns before a summary are retained messages of a compaction."""
    return format == _RESPONSES and not any(
        turn.role == "assistant" or any(isinstance(part, ToolResult) for part in turn.parts)
        for turn in before
    )


def _plain(turn: Turn) -> Turn:
    """Returns a turn before a summary, without items of earlier compactions."""
    left = tuple(part for part in turn.parts if _is_said(part) and not is_summary(part))
    return turn if len(left) == len(turn.parts) else altered(turn, parts=left)


def _is_said(part: Part) -> bool:
    return not (isinstance(part, Opaque) and part.kind == TRIGGER)
