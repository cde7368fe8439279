"""Writes conversations as the GenAI conventions want messages.

Source: open-telemetry/semantic-conventions-genai, gen-ai-input-messages.json and
gen-ai-output-messages.json. Media are named without their bytes.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import loads
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.format import Format
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.fold import Fold
from switchyard.wire.relay.framing import frame_decoder

type SpanMessage = dict[str, Any]

_FINISH = {
    "length": "length",
    "context_window": "length",
    "tool_calls": "tool_call",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "error": "error",
}
"""All other reasons are `stop`."""
_INSTRUCTIONS = ("system", "developer")


def instructions_of(conversation: Conversation) -> list[SpanMessage]:
    """Return the texts of the instructions."""
    return [
        {"type": "text", "content": part.text}
        for turn in conversation.turns
        if turn.role in _INSTRUCTIONS
        for part in turn.parts
        if isinstance(part, Text)
    ]


def input_messages(conversation: Conversation) -> list[SpanMessage]:
    """Return the turns; results of tools are messages of their own."""
    messages: list[SpanMessage] = []
    for turn in conversation.turns:
        if turn.role in _INSTRUCTIONS:
            continue
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        others = [part for part in turn.parts if not isinstance(part, ToolResult)]
        if results:
            messages.append({"role": "tool", "parts": list(_parts(results))})
        if others:
            messages.append({"role": turn.role, "parts": list(_parts(others))})
    return messages


def output_messages(reply: Reply) -> list[SpanMessage]:
    """Return a message for each choice."""
    return [
        {
            "role": "assistant",
            "parts": list(_parts(choice.parts)),
            "finish_reason": _FINISH.get(choice.stop.reason, "stop") if choice.stop else "error",
        }
        for choice in reply.choices
    ]


def reply_of(format: Format, data: bytes) -> Reply | None:
    """Return the reply in a response, stream or JSON; None where there is none."""
    if (whole := loads_object(data)) is not None and format.find_error(whole) is None:
        try:
            return format.read_reply(whole)
        except BadReply:
            return None
    frames, reader = frame_decoder(format, data[:512]), format.stream_reader()
    folded = Fold(format.name)
    try:
        for frame in [*frames.feed(data), *frames.close()]:
            for event in reader.feed(frame):
                folded.add(event)
        for event in reader.close():
            folded.add(event)
    except KeyError:
        pass  # a delta of a part that never began; what came before is kept
    return folded.reply()


def _parts(parts: Iterable[Part]) -> Iterator[SpanMessage]:
    for part in parts:
        match part:
            case Text(text=text):
                yield {"type": "text", "content": text}
            case Thinking(text=text):
                yield {"type": "reasoning", "content": text}
            case Refusal(text=text):
                yield {"type": "text", "content": text}
            case ToolCall(id=id, name=name, arguments=arguments):
                yield {"type": "tool_call", "id": id, "name": name, "arguments": _json(arguments)}
            case ToolResult(call_id=id, text=text):
                yield {"type": "tool_call_response", "id": id, "response": text}
            case Media(kind=kind, media_type=media_type):
                yield {"type": "media", "modality": kind, "mime_type": media_type}
            case Opaque(kind=kind):
                yield {"type": kind}


def _json(arguments: str) -> Any:
    try:
        return loads(arguments)
    except ValueError:
        return arguments
