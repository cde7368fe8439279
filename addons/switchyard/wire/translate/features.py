"""Lists a conversation's features that not all formats have, named as in `losses`."""

from collections.abc import Iterator

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import losses_of
from switchyard.wire.shared.compaction import KINDS
from switchyard.wire.shared.readable import is_readable
from switchyard.wire.shared.server_tools import UNSAID
from switchyard.wire.translate.documents import is_refused
from switchyard.wire.translate.documents import loses_name
from switchyard.wire.translate.documents import words_of_file

SAID_ELSEWHERE = frozenset(
    {
        *("additional_tools", "configuration_update"),
        *("tool_addition", "tool_removal", "mid_conv_system"),
    }
)
"""Kinds of opaque parts whose meaning is also in the conversation's tools, settings or text.
Leaving them out loses nothing."""

_BESIDE_MEDIA = ("videoMetadata", "mediaResolution")
"""Members that Gemini's parts have beside media (Google's reference, `Part`)."""

_SAID_IN_FULL = frozenset({"tool_reference", "search_result", *KINDS})
"""Kinds of opaque parts whose text is their whole content."""


def features(conversation: Conversation, target: str) -> Iterator[str]:
    """Returns the features of a conversation that not all formats have.

    Names may repeat. Excludes what only `target` itself could read (its own signatures, blocks and
    tools).
    """
    c = conversation
    said = {
        "top_k": c.top_k,
        "seed": c.seed,
        "presence_penalty": c.presence_penalty or None,
        "frequency_penalty": c.frequency_penalty or None,
        "logit_bias": c.logit_bias or None,
        "logprobs": c.logprobs or c.top_logprobs or None,
        "candidates": c.candidates if c.candidates not in (None, 1) else None,
        "tool_choice": c.tool_choice if c.tool_choice and c.tool_choice.mode != "auto" else None,
        "parallel_tools": c.parallel_tools if c.parallel_tools is False and c.tools else None,
        "verbosity": c.verbosity,
        "store": c.store or None,
        "metadata": c.metadata or None,
        "prompt_cache_key": c.cache_key,
        "prediction": c.prediction,
        "audio-output": True if "audio" in c.modalities or c.audio else None,
        "speech": True if "audio" in c.modalities and not c.audio else None,
        "web_search": c.web_search,
        "reasoning": c.reasoning,
        "responseSchema": c.output.schema if c.output and c.output.kind == "text" else None,
    }
    yield from (name for name, value in said.items() if value is not None)
    if c.tools and c.tool_choice and c.tool_choice.mode in ("required", "tool") and _thinks(c):
        yield "thinking-with-forced-tool"
    yield from _shape(c)
    yield from _alone(c)
    if c.tools and (_leaves_out_tools(c) or not losses_of(target).tools):
        yield "tools"
    yield from _tool_features(c, target)
    yield from ("participant-names" for turn in c.turns if turn.name)
    yield from (
        "assistant-media"
        for turn in c.turns
        if turn.role == "assistant" and any(isinstance(part, Media) for part in turn.parts)
    )
    yield from ("citations" for turn in c.turns if turn.extra.get("annotations"))
    yield from _uncalled_thinking(c)
    yield from _part_features(c, target)


def _uncalled_thinking(c: Conversation) -> Iterator[str]:
    """Yields whether words of thinking led to no tool call, for a model that wants none back."""
    if c.takes_thinking:
        return
    for turn in c.turns:
        unsigned = any(isinstance(p, Thinking) and _is_unsigned(p) for p in turn.parts)
        if unsigned and not any(isinstance(part, ToolCall) for part in turn.parts):
            yield "uncalled-thinking"


def _is_unsigned(part: Thinking) -> bool:
    return bool(part.text) and not (part.signature or part.redacted)


def _leaves_out_tools(c: Conversation) -> bool:
    """Whether the conversation declares tools that its tool choice forbids."""
    match c.tool_choice:
        case ToolChoice(mode="none"):
            return True
        case ToolChoice(mode="tool", name=name):
            return any(tool.name != name for tool in c.tools)
    return False


def _tool_features(c: Conversation, target: str) -> Iterator[str]:
    for tool in c.tools:
        if tool.kind == "server" and tool.format != target:
            yield "server-tools"
        if tool.kind == "server" and UNSAID in tool.extra and c.format != target:
            yield "server-tool-options"
        if tool.kind == "custom":
            yield "custom-tools"
        if tool.strict:
            yield "strict-tools"
        if tool.cache:
            yield "cache_control"


def _thinks(c: Conversation) -> bool:
    """Whether the request asks for thinking."""
    wish = c.reasoning
    if wish is None or wish.enabled is False or wish.effort == "none" or wish.budget == 0:
        return False
    return bool(wish.effort or wish.budget or wish.enabled or wish.adaptive)


def _shape(c: Conversation) -> Iterator[str]:
    """Yields whether there are several prompts, and a legacy completion's features."""
    roles = [turn.role for turn in c.turns]
    if "system" in roles or "developer" in roles:
        yield "system"
    if roles != ["user"] or not any(isinstance(part, Text) for part in c.turns[0].parts):
        yield "turns"


def _alone(c: Conversation) -> Iterator[str]:
    """Yields features that only the own format has, and references to stored data."""
    if (format := FORMATS.get(c.format)) is not None:
        yield from format.lone_features(format.extra_members(c))


def _message_of(part: Part, c: Conversation) -> JsonObject:
    """Returns the members of the message that begins with a part (Responses)."""
    extra = getattr(part, "extra", EMPTY)
    return object_of(object_of(extra.get(c.format)).get("message")) if extra else EMPTY


def _part_features(c: Conversation, target: str) -> Iterator[str]:
    for part in c.parts():
        if getattr(part, "cache", None):
            yield "cache_control"
        if _message_of(part, c).get("phase"):
            yield "phase"
        match part:
            case Text(citations=citations) if citations:
                yield "citations"
            case Media():
                if part.text is None and words_of_file(part) is None:
                    yield f"{part.kind}-input"
                if is_refused(part, target):
                    yield "document-types"
                if loses_name(part, c, target):
                    yield "file-names"
                if part.data is not None and part.media_type and part.kind != "document":
                    yield "media-types"
                if part.url:
                    yield f"{part.kind}-url"
                if part.file_id:
                    yield f"{part.kind}-file-id"
                if part.detail and part.detail != "auto":
                    yield "image-detail"
                beside = object_of(object_of(part.extra.get(c.format)).get("part"))
                yield from (name for name in _BESIDE_MEDIA if beside.get(name))
                if part.citations:
                    yield "document-citations"
            case Thinking():
                yield "thinking"
                if _is_unsigned(part):
                    yield "unsigned-thinking"
                if (part.signature or part.redacted) and not is_readable(part, c, target):
                    yield "thinking-signature"
            case ToolCall(signature=str()) if not is_readable(part, c, target):
                yield "thinking-signature"
            case ToolResult():
                if part.is_error:
                    yield "tool-result-errors"
                if sum(isinstance(p, Text) for p in part.parts) > 1:
                    yield "tool-result-parts"
                if any(not isinstance(p, Text) for p in part.parts):
                    yield "tool-result-media"
            case Opaque(text=str()) if part.kind in _SAID_IN_FULL:
                pass
            case Opaque() if part.format != target and part.kind not in SAID_ELSEWHERE:
                yield "provider-blocks" if part.text is None else "provider-blocks-as-text"
            case Refusal():
                yield "refusals"
