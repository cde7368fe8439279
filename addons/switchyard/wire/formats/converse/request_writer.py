"""Writes requests of `Converse` and `ConverseStream`.

Source: Bedrock's API reference, "Converse", "Message", "ContentBlock". What the service refuses
beyond the shapes: users and model take strict turns, the first and the last of which are the
user's; no block of text is blank; a document stands beside some text; calls and results stand only
where tools are declared; media stand in a user's turn; an id of a call has its characters.
"""

import re
from collections.abc import Iterable
from collections.abc import Iterator
from itertools import groupby

from switchyard.values.digests import hex_of
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.converse.caches import cache_point
from switchyard.wire.formats.converse.families import Family
from switchyard.wire.formats.converse.families import family_of
from switchyard.wire.formats.converse.families import has_rich_results
from switchyard.wire.formats.converse.media import MediaWriter
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.formats.converse.settings import is_instructed
from switchyard.wire.formats.converse.settings import write_settings
from switchyard.wire.formats.converse.tools import offered_tools
from switchyard.wire.formats.converse.tools import settled_choice
from switchyard.wire.formats.converse.tools import write_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.arguments import as_object
from switchyard.wire.shared.arguments import settled
from switchyard.wire.shared.custom_tools import INPUT
from switchyard.wire.shared.instructed import instruction
from switchyard.wire.shared.placing import after_opening
from switchyard.wire.shared.placing import instructions
from switchyard.wire.shared.placing import opening
from switchyard.wire.shared.placing import worded
from switchyard.wire.shared.tool_names import Names
from switchyard.wire.shared.words import called

_EMPTY = "."
"""Stands where a message has no words."""
_GO_ON = "Continue."
"""Asks for more where the conversation ends with the model's words."""
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}", re.ASCII)
"""API reference, "ToolUseBlock", `toolUseId`."""


def write_request(c: Conversation) -> JsonObject:
    """Returns the request body for a conversation; path and method say model and stream."""
    names, family = Names(c.tools), family_of(c.model)
    tools = offered_tools(c, family)
    choice = settled_choice(c.tool_choice, family) if tools else None
    writer = _Messages(c, names, with_calls=bool(tools))
    turns = writer.turns()
    body: JsonObject = {"messages": [writer.message(turn) for turn in turns]}
    if system := list(_system(c)):
        body["system"] = system
    if tools:
        body["toolConfig"] = write_tools(tools, choice, names, family)
    return {**body, **write_settings(c, choice, turns)}


def _system(c: Conversation) -> Iterator[JsonObject]:
    family = family_of(c.model)
    for turn in opening(c.turns):
        for part in instructions(turn):
            if isinstance(part, Text):
                yield {"text": part.text}
                yield from cache_point(part.cache, family)
    if c.output is not None and is_instructed(c.output, c.model):
        yield {"text": instruction(c.output.schema)}


class _Messages:
    """Writes the messages of one conversation."""

    def __init__(self, c: Conversation, names: Names, with_calls: bool) -> None:
        self._c = c
        self._names = names
        self._with_calls = with_calls
        """Whether calls and results are such; otherwise they are text."""
        self._family: Family = family_of(c.model)
        self._rich = has_rich_results(self._family)
        self._media = MediaWriter()

    def turns(self) -> list[Turn]:
        """Returns the conversation's turns in strict order, from a user's to a user's."""
        made: list[Turn] = []
        moved: list[Part] = []
        turns = [turn for turn in after_opening(self._c.turns) if any(map(self._says, turn.parts))]
        for role, group in groupby(worded(turns), _role):
            parts = [part for turn in group for part in turn.parts]
            if role == "assistant":
                moved = [part for part in parts if isinstance(part, Media)]
                parts = [part for part in parts if self._is_the_models(part)]
                if not made:
                    made.append(_said(_EMPTY))
                made.append(Turn(role="assistant", parts=tuple(parts) or (Text(text=_EMPTY),)))
            else:
                results = [part for part in parts if isinstance(part, ToolResult)]
                others = [part for part in parts if not isinstance(part, ToolResult)]
                beside = [part for result in results for part in self._beside(result)]
                made.append(Turn(role="user", parts=(*results, *beside, *moved, *others)))
                moved = []
        if not made or made[-1].role == "assistant":
            made.append(_said(_GO_ON if made else _EMPTY))
        return made

    def message(self, turn: Turn) -> JsonObject:
        """Returns the message of a turn, which is never without a block."""
        content = [block for part in turn.parts for block in self._blocks(part)]
        if not any(_is_content(block) for block in content) or _lacks_words(content):
            content.append({"text": _EMPTY})
        return {"role": turn.role, "content": content}

    def _says(self, part: Part) -> bool:
        """Whether a part is written; a turn without such parts would be one of a full stop."""
        match part:
            case Text(text=text) | Refusal(text=text) | Opaque(text=text):
                return bool(text and text.strip())
            case Thinking():
                return self._is_the_models(part)
        return True

    def _is_the_models(self, part: Part) -> bool:
        """Whether a part of a model's turn is left to it."""
        if not isinstance(part, Thinking):
            return not isinstance(part, Media | ToolResult)
        if part.signer == NAME:
            return bool(part.signature or part.redacted)
        return self._c.takes_thinking and bool(part.text)

    def _blocks(self, part: Part) -> Iterator[JsonObject]:
        match part:
            case Text(text=text) | Refusal(text=text) | Opaque(text=str(text)):
                if text.strip():
                    yield {"text": text}
            case Media():
                yield from self._media.write(part)
            case Thinking():
                yield {"reasoningContent": _reasoning(part)}
            case ToolCall():
                yield self._call(part)
            case ToolResult():
                yield from self._result(part)
        yield from cache_point(getattr(part, "cache", None), self._family)

    def _call(self, call: ToolCall) -> JsonObject:
        name = self._names.flat(call.name, call.namespace)
        if not self._with_calls:
            return {"text": called(name, settled(call.arguments))}
        custom = call.kind == "custom"
        arguments = {INPUT: call.arguments} if custom else as_object(call.arguments)
        return {"toolUse": {"toolUseId": _id(call.id), "name": name, "input": arguments}}

    def _beside(self, result: ToolResult) -> Iterator[Part]:
        """Returns the media that the model does not take in a result.

        They stand after all results of the turn, since nothing may stand between these.
        """
        return (part for part in result.parts if self._is_beside(part))

    def _is_beside(self, part: Part) -> bool:
        return isinstance(part, Media) and not (self._rich and part.kind != "audio")

    def _result(self, result: ToolResult) -> Iterator[JsonObject]:
        parts = (part for part in result.parts if not self._is_beside(part))
        inside = [block for part in parts for block in self._blocks(part)]
        if self._with_calls:
            content = [block for block in inside if "cachePoint" not in block]
            said: JsonObject = {
                "toolUseId": _id(result.call_id),
                "content": content or [{"text": _EMPTY}],
            }
            if result.is_error and self._rich:
                said["status"] = "error"
            yield {"toolResult": said}
        else:
            yield from inside


def _role(turn: Turn) -> str:
    return turn.role


def _said(text: str) -> Turn:
    return Turn(role="user", parts=(Text(text=text),))


def _is_content(block: JsonObject) -> bool:
    return "cachePoint" not in block


def _lacks_words(content: Iterable[JsonObject]) -> bool:
    """Whether there is a document without some text beside it."""
    kinds = {kind for block in content for kind in block}
    return "document" in kinds and "text" not in kinds


def _reasoning(part: Thinking) -> JsonObject:
    if part.redacted:
        return {"redactedContent": part.redacted}
    proof = {"signature": part.signature} if part.signature and part.signer == NAME else {}
    return {"reasoningText": {"text": part.text, **proof}}


def _id(said: str) -> str:
    """Returns the id of a call as the API takes it; the same for a call and its result."""
    return said if _ID.fullmatch(said) else f"call_{hex_of(said, 32)}"
