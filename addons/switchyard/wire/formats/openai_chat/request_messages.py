"""Writes turns as the messages of a request.

Source: OpenAI's reference, "Create chat completion". The API has constraints that other formats
lack: a tool message answers one call and holds text alone, so each result becomes a message and its
images go into a user message behind the results; an assistant message holds no media either, so
images that a model made go into the user message after it; the official API has no place for an
assistant's thinking.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_chat.content import PART_FORM
from switchyard.wire.formats.openai_chat.content import write_part
from switchyard.wire.formats.openai_chat.messages import FIELD
from switchyard.wire.formats.openai_chat.names import NAME
from switchyard.wire.formats.openai_chat.names import REASONING_NAMES
from switchyard.wire.formats.openai_chat.reasoning import write_proofs
from switchyard.wire.formats.openai_chat.reasoning import write_reasoning
from switchyard.wire.formats.openai_chat.tools import LEGACY
from switchyard.wire.formats.openai_chat.tools import write_call
from switchyard.wire.formats.openai_chat.tools import write_foreign_call
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
from switchyard.wire.shared.readable import is_readable
from switchyard.wire.shared.tool_names import Names


def write_messages(conversation: Conversation, names: Names) -> list[JsonObject]:
    """Returns the messages of `conversation`; unchanged if read from this format.

    `names` are those of the conversation's tools.
    """
    if conversation.format == NAME:
        return [_write_own(turn) for turn in conversation.turns]
    messages: list[JsonObject] = []
    made: list[Media] = []
    for role, turns in groupby(conversation.turns, key=_side):
        if role == "user":
            messages += _write_user(list(turns), made)
            made = []
        elif role == "assistant":
            for turn in turns:
                messages += _write_assistant(turn, names, conversation)
                made += [part for part in turn.parts if isinstance(part, Media)]
        elif content := _content(_parts(part for turn in turns for part in turn.parts)):
            # Neighbours become one message, since many templates accept a single one. Only OpenAI
            # knows `developer`; other providers know `system`, and OpenAI treats both alike.
            messages.append({"role": "system", "content": content})
    return messages


def _side(turn: Turn) -> str:
    return "system" if turn.role == "developer" else turn.role


def _write_own(turn: Turn) -> JsonObject:
    """Returns the one message that `turn` was read from."""
    if turn.form in ("tool", "function"):
        return _write_own_result(turn)
    content: list[Part] = []
    message: JsonObject = {"role": turn.role}
    thinking: list[Thinking] = []
    for part in turn.parts:
        match part:
            case Thinking() if part.form != PART_FORM:
                thinking.append(part)
            case ToolCall() if part.form == LEGACY:
                message[LEGACY] = {"name": part.name, "arguments": part.arguments}
            case ToolCall():
                message.setdefault("tool_calls", []).append(write_call(part, own=True))
            case Refusal() if part.form == FIELD:
                message["refusal"] = part.text
            case Media() if part.form == FIELD:
                message["audio"] = part.extra["audio"]
            case _:
                content.append(part)
    if turn.form != "absent":
        message["content"] = _own_content(content, turn.form)
    if turn.name is not None:
        message["name"] = turn.name
    return message | write_reasoning(thinking, own=True) | turn.extra


def _write_own_result(turn: Turn) -> JsonObject:
    message: JsonObject = {"role": turn.form}
    for part in turn.parts:
        if isinstance(part, ToolResult):
            if part.form != "absent":
                message["content"] = _own_content(part.parts, part.form)
            if part.name is not None:
                message["name"] = part.name
            if turn.form == "tool":
                message["tool_call_id"] = part.call_id
    return message | turn.extra


def _own_content(parts: Iterable[Part], form: str) -> Any:
    parts = list(parts)
    if form == "null" and not parts:
        return None
    if form in ("list", "object") or not all(isinstance(part, Text) for part in parts):
        written = _parts(parts, own=True)
        return written[0] if form == "object" and len(written) == 1 else written
    return "".join(part.text for part in parts if isinstance(part, Text))


def _write_assistant(turn: Turn, names: Names, conversation: Conversation) -> list[JsonObject]:
    """Returns the messages for another format's assistant turn.

    Returns none if the format can express nothing of the turn.
    """
    words: list[str] = []
    calls: list[JsonObject] = []
    thinking: list[str] = []
    proven: list[Thinking] = []
    refusal = ""
    for part in turn.parts:
        match part:
            case Text(text=text):
                words.append(text)
            case Opaque(text=str(text)) if text:
                # The results of another provider's tools are no part of the text around them.
                words.append(f"\n\n{text}\n\n")
            case ToolCall():
                signed = is_readable(part, conversation, NAME)
                calls.append(write_foreign_call(part, names, signed))
            case Refusal(text=text):
                refusal += text
            case Thinking() if is_readable(part, conversation, NAME):
                proven.append(part)
            case Thinking(text=text, signer=signer) if text:
                if signer in (None, NAME) or conversation.takes_thinking:
                    thinking.append(text)
    content = _spaced(words)
    if not (content or calls or refusal):
        return []
    message: JsonObject = {"role": "assistant", "content": content or None}
    if refusal:
        message["refusal"] = refusal
    if calls:
        message["tool_calls"] = calls
    if thinking and (calls or conversation.takes_thinking):
        # DeepSeek and Moonshot refuse a call without its thinking; others do not know the member.
        # Unsigned thinking can only come from such a provider.
        message[REASONING_NAMES[0]] = "".join(thinking)
    message |= write_proofs(proven)
    if turn.name:
        message["name"] = turn.name
    return [message]


def _spaced(words: list[str]) -> str:
    """Joins texts, with one blank line around those that stand apart."""
    content = ""
    for text in words:
        if text.startswith("\n\n") and (not content or content.endswith("\n\n")):
            text = text.removeprefix("\n\n")
        content += text
    return content.removesuffix("\n\n") if words and words[-1].endswith("\n\n") else content


def _write_user(turns: list[Turn], made: Sequence[Media]) -> Iterator[JsonObject]:
    """Yields the messages for adjacent user turns of another format.

    All tool results come first, because nothing may stand between a call and its results; what the
    model `made` before follows, then the rest of each turn.
    """
    left: list[tuple[Turn, list[Part]]] = []
    for turn in turns:
        said: list[Part] = []
        for part in turn.parts:
            if not isinstance(part, ToolResult):
                said.append(part)
                continue
            media = [inner for inner in part.parts if isinstance(inner, Media) and not inner.text]
            words = _parts(inner for inner in part.parts if inner not in media)
            content = _content(words, "\n")
            yield {"role": "tool", "tool_call_id": part.call_id, "content": content}
            said += media
        left.append((turn, said))
    left[0][1][:0] = made
    for turn, said in left:
        if content := _content(_parts(said)):
            message: JsonObject = {"role": "user", "content": content}
            if turn.name:
                message["name"] = turn.name
            yield message


def _parts(parts: Iterable[Part], own: bool = False) -> list[Any]:
    written = [made for part in parts if (made := write_part(part, own)) is not None]
    return written if own else [part for part in written if part != {"type": "text", "text": ""}]


def _content(parts: list[Any], between: str = "\n\n") -> Any:
    """Returns text alone as one string, which every provider accepts.

    DeepSeek's and other servers refuse a list, above all as a tool's result. Content with images
    remains a list.
    """
    if all(part["type"] == "text" for part in parts):
        return between.join(part["text"] for part in parts)
    return parts
