"""Replaces tool names that some APIs refuse.

OpenAI's API takes 64 characters of `[a-zA-Z0-9_-]`, Anthropic's 128 of the same, Google's 64 with
dots and colons, the first a letter or `_` (their references, the name of a function or tool).
Clients choose names for their own provider: those of Claude Code's MCP tools exceed 64, Gemini's
have dots. One such name makes a provider refuse the whole request, so the provider receives a
replacement, and the client's replies contain the original name.
"""

import hashlib
import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import PartEnd
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import TextDelta
from switchyard.wire.shared.tool_names import MAX_LENGTH

_FITS = re.compile(rf"[a-zA-Z_][a-zA-Z0-9_-]{{0,{MAX_LENGTH - 1}}}")
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")


def renamed(conversation: Conversation) -> Conversation:
    """Returns the conversation with names that every API accepts; itself if all are."""
    names = new_names(conversation)
    if not names:
        return conversation
    choice = conversation.tool_choice
    return altered(
        conversation,
        tools=tuple(_tool(tool, names) for tool in conversation.tools),
        tool_choice=_choice(choice, names) if choice is not None else None,
        turns=tuple(
            altered(turn, parts=tuple(_part(part, names) for part in turn.parts))
            for turn in conversation.turns
        ),
    )


def new_names(conversation: Conversation) -> Mapping[str, str]:
    """Returns replacements for names that some API refuses; mostly none.

    They depend on the names alone, so they stay the same as the conversation grows.
    """
    declared = [tool.name for tool in conversation.tools if tool.kind != "server"]
    called = (part.name for part in conversation.parts() if isinstance(part, ToolCall))
    given = dict.fromkeys((*declared, *called))
    taken = {name for name in given if _FITS.fullmatch(name)}
    names: dict[str, str] = {}
    for name in given:
        if name and name not in taken:
            new = _fitting(name)
            names[name] = _told_apart(new, name) if new in taken else new
            taken.add(names[name])
    return names


class GivenNames:
    """Gives a reply's calls the client's own tool names (a `relay.stage.Stage`)."""

    over = False

    def __init__(self, names: Mapping[str, str]) -> None:
        """Takes in `names` the result of `new_names`."""
        self._given = {new: given for given, new in names.items()}
        self.changed = False

    def feed(self, events: Sequence[Event]) -> list[Event]:
        return [self._named(event) for event in events]

    def forgets(self, event: TextDelta) -> bool:
        """Words pass as they are."""
        return True

    def _named(self, event: Event) -> Event:
        if not isinstance(event, PartStart | PartEnd) or not isinstance(event.part, ToolCall):
            return event
        given = self._given.get(event.part.name)
        if given is None:
            return event
        self.changed = True
        return altered(event, part=altered(event.part, name=given))


def _tool(tool: Tool, names: Mapping[str, str]) -> Tool:
    if tool.kind == "server" or tool.name not in names:
        return tool
    return altered(tool, name=names[tool.name])


def _choice(choice: ToolChoice, names: Mapping[str, str]) -> ToolChoice:
    name = choice.name and names.get(choice.name, choice.name)
    return altered(choice, name=name, allowed=_all(choice.allowed, names))


def _all(given: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(names.get(name, name) for name in given)


def _part(part: Part, names: Mapping[str, str]) -> Part:
    match part:
        case ToolCall(name=name) if name in names:
            return altered(part, name=names[name])
        case ToolResult(name=str(name)) if name in names:
            return altered(part, name=names[name])
    return part


def _fitting(name: str) -> str:
    """Returns a name like `name` that every API accepts."""
    new = _FORBIDDEN.sub("_", name)
    if not _FITS.match(new):
        new = f"_{new}"
    return new if len(new) <= MAX_LENGTH else _told_apart(new, name)


def _told_apart(new: str, name: str) -> str:
    """Returns `new` with a digest of `name`, for a name that is too long or taken."""
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{new[: MAX_LENGTH - 9]}_{digest}"
