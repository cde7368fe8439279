"""Rewrites a history whose thinking its reader refused.

A signature is refused by everybody but its maker (Anthropic's guide "Extended thinking", preserving
thinking blocks; OpenAI's guide "Reasoning", encrypted reasoning items; Google's guide "Thought
signatures"), and some providers refuse a turn without one. Both happen to conversations that
several providers wrote.
"""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.anthropic.blocks import NAME as ANTHROPIC
from switchyard.wire.formats.gemini.names import NAME as GEMINI
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.formats.gemini.names import own as gemini_members
from switchyard.wire.formats.gemini.names import owned as gemini_extra
from switchyard.wire.formats.openai_chat.names import NAME as CHAT
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.tools import signature_content
from switchyard.wire.formats.openai_responses.names import NAME as RESPONSES
from switchyard.wire.formats.openai_responses.names import owned as responses_extra
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import Turn

_STAND_IN = " "
"""Thinking where there is none: DeepSeek V4 takes a space and refuses an empty text
(NousResearch/hermes-agent#17341)."""


def without_thinking_proofs(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation without what proves thinking to a provider of format `target`.

    Signed and encrypted thinking is left out; its words stay where the format has thinking without
    proof (Chat). Calls get the word that Google takes instead of a signature. Results of server
    tools that hold encrypted members become text. The conversation itself where nothing changes.
    """
    sealed = any(_is_encrypted(part) for turn in conversation.turns for part in turn.parts)

    def strip(turn: Turn) -> Turn:
        signed = any(isinstance(part, ToolCall) and _is_signed(part) for part in turn.parts)
        parts = tuple(p for part in turn.parts for p in _unproven(part, target, sealed))
        stripped = turn if parts == turn.parts else replace(turn, parts=parts)
        return _with_excuse(stripped, target) if signed else stripped

    return with_turns(conversation, strip)


def with_signatures_stood_in(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation with Google's word for calls that another model made.

    The first call of each turn gets it where it has no signature (guide "Thought signatures"). The
    conversation itself where nothing changes.
    """
    return with_turns(conversation, lambda turn: _with_excuse(turn, target))


def with_thinking_stood_in(conversation: Conversation, target: str) -> Conversation:
    """Return the conversation as a provider takes it that refuses answers without their thinking.

    Chat and Responses: a space stands in. Anthropic: the request asks for no thinking, since
    nothing can stand in for a signature. The conversation itself where nothing changes.
    """
    if target == CHAT:
        return with_turns(conversation, _with_chat_thinking)
    if target == RESPONSES:
        return with_turns(conversation, _with_reasoning_items)
    if target == ANTHROPIC and any(turn.role == "assistant" for turn in conversation.turns):
        off = Reasoning(enabled=False)
        kept = with_turns(conversation, _without_thinking)
        return kept if kept.reasoning == off else replace(kept, reasoning=off)
    return conversation


def with_turns(conversation: Conversation, change: Callable[[Turn], Turn]) -> Conversation:
    """Return the conversation with each assistant's turn changed; itself where all are equal."""
    turns = [change(turn) if turn.role == "assistant" else turn for turn in conversation.turns]
    kept = tuple(
        new
        for old, new in zip(conversation.turns, turns, strict=True)
        if new.parts or not old.parts
    )
    return conversation if kept == conversation.turns else replace(conversation, turns=kept)


def _unproven(part: Part, target: str, sealed: bool) -> Iterator[Part]:
    match part:
        case Thinking():
            if target == CHAT and part.text:
                names = [name for name in part.form.split("+") if name in REASONING_NAMES]
                yield Thinking(text=part.text, form="+".join(names))
        case Opaque(kind="reasoning"):
            pass
        case ToolCall():
            yield _unsigned(part)
        case Text() if "thoughtSignature" in gemini_members(part.extra):
            left = rest(gemini_members(part.extra), "thoughtSignature")
            if part.text:
                yield replace(part, extra=gemini_extra(left))
        case Text(citations=citations) if sealed and citations:
            yield replace(part, citations=())
        case Opaque() if sealed and _is_served(part):
            if part.text:
                yield Text(text=part.text)
        case _:
            yield part


def _is_signed(call: ToolCall) -> bool:
    return bool(call.signature) or "extra_content" in call.extra


def _unsigned(call: ToolCall) -> ToolCall:
    """The call without its signature, wherever the format's reader put that."""
    if not _is_signed(call):
        return call
    return replace(call, signature=None, signer=None, extra=rest(call.extra, "extra_content"))


def _with_excuse(turn: Turn, target: str) -> Turn:
    """The turn with Google's word at its first call, where that has no signature."""
    first = next((i for i, part in enumerate(turn.parts) if isinstance(part, ToolCall)), None)
    if first is None or target not in (GEMINI, CHAT):
        return turn
    call = turn.parts[first]
    assert isinstance(call, ToolCall)
    if _is_signed(call) or "thoughtSignature" in gemini_members(call.extra).get("part", EMPTY):
        return turn
    excused = replace(call, signature=NO_SIGNATURE, signer=GEMINI)
    if target == CHAT:
        said = {**call.extra, "extra_content": signature_content(NO_SIGNATURE)}
        excused = replace(excused, extra=said)
    return replace(turn, parts=(*turn.parts[:first], excused, *turn.parts[first + 1 :]))


def _without_thinking(turn: Turn) -> Turn:
    return replace(turn, parts=tuple(p for p in turn.parts if not isinstance(p, Thinking)))


def _with_chat_thinking(turn: Turn) -> Turn:
    if any(isinstance(part, Thinking) and part.text and not part.signer for part in turn.parts):
        return turn
    words = "".join(part.text for part in turn.parts if isinstance(part, Thinking)) or _STAND_IN
    parts = (part for part in turn.parts if not isinstance(part, Thinking))
    left = rest(turn.extra, *REASONING_NAMES)  # an empty text there would be said instead
    return replace(turn, parts=(Thinking(text=words), *parts), extra=left)


def _with_reasoning_items(turn: Turn) -> Turn:
    """Put a reasoning item before each call.

    Gateways to DeepSeek ask for one there (rikkahub/rikkahub#1690).
    """
    parts: list[Part] = []
    for part in turn.parts:
        bare = not parts or not isinstance(parts[-1], Thinking)
        if isinstance(part, ToolCall) and bare:
            said = responses_extra({"source": "content", "item": {"summary": []}})
            parts.append(Thinking(text=_STAND_IN, extra=said))
        parts.append(part)
    return replace(turn, parts=tuple(parts))


def _is_served(part: Opaque) -> bool:
    return part.kind == "server_tool_use" or part.kind.endswith("_tool_result")


def _is_encrypted(part: Part) -> bool:
    return isinstance(part, Opaque) and _is_served(part) and b'"encrypted_' in dumps(part.raw)
