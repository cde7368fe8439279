"""Reads and writes a whole response (API reference, "Messages": the response)."""

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Glance
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.formats.anthropic.blocks import SEALED
from switchyard.wire.formats.anthropic.blocks import read_blocks
from switchyard.wire.formats.anthropic.blocks import write_blocks
from switchyard.wire.formats.anthropic.errors import find_error
from switchyard.wire.formats.anthropic.members import Members
from switchyard.wire.formats.anthropic.usage import read_stop
from switchyard.wire.formats.anthropic.usage import read_usage
from switchyard.wire.formats.anthropic.usage import stop_details
from switchyard.wire.formats.anthropic.usage import write_stop
from switchyard.wire.formats.anthropic.usage import write_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply
from switchyard.wire.shared.broken_ends import is_broken
from switchyard.wire.shared.explanation import explanation
from switchyard.wire.shared.response_ids import answer_id


def read_reply(body: JsonObject) -> Reply:
    """Returns the response.

    Providers that imitate the API omit members; only content (or the type `message`) is required.
    Raises BadReply on anything else.
    """
    if (error := find_error(body)) is not None:
        raise BadReply(f"the response is an error: {error.message}")
    members = Members(body, "type", "role")
    content = members.take("content", list, str)
    if content is None and body.get("type") != "message":
        raise BadReply("the response is not a message: it has no content")
    if isinstance(content, str):
        parts: tuple[Part, ...] = (Text(text=content),)
    else:
        parts = read_blocks(content or ())
    message_id = members.take("id", str)
    parts = with_ids(parts, message_id)
    usage = members.take("usage", dict)
    return Reply(
        format=NAME,
        id=message_id,
        model=members.take("model", str),
        choices=(Choice(parts=parts, stop=_read_stop(members, parts)),),
        usage=read_usage(usage) if usage is not None else None,
        extra=members.rest(),
    )


def glance(body: JsonObject) -> Glance | None:
    """See `format.Format.glance`."""
    content = body.get("content")
    if not isinstance(content, list) or not content:
        return None
    first, usage = content[0], body.get("usage")
    if not isinstance(first, dict) or first.get("type") != "text":
        return None
    if not text_of(first.get("text")) or is_broken(body.get("stop_reason")):
        return None
    if any(isinstance(block, dict) and block.get("type") == "tool_use" for block in content):
        return None  # ids of calls may have to change
    return (read_usage(usage) if isinstance(usage, dict) else None,)


def _read_stop(members: Members, parts: tuple[Part, ...]) -> Stop:
    calls = any(isinstance(part, ToolCall) for part in parts)
    reason = members.take("stop_reason", str)
    sequence = members.take("stop_sequence", str)
    details = members.take("stop_details", dict)
    if reason is None:
        return Stop(reason="tool_calls" if calls else "end", sequence=sequence, details=details)
    return read_stop(reason, sequence, details, calls)


def with_ids(parts: tuple[Part, ...], message_id: str | None) -> tuple[Part, ...]:
    """Returns the parts, each call with an id."""
    return tuple(
        altered(part, id=made_up_id(message_id, index))
        if isinstance(part, ToolCall) and not part.id
        else part
        for index, part in enumerate(parts)
    )


def made_up_id(message_id: str | None, index: int) -> str:
    """Returns a deterministic id for a call whose provider gave none."""
    stem = (message_id or "").removeprefix("msg_") or "call"
    return f"toolu_{stem}_{index}"


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response as a message.

    Writes the first of several choices, and leaves media out, which a message cannot hold.
    """
    own = reply.format == NAME
    parts = reply.choice.parts if own else _sayable(reply.choice.parts)
    stop = reply.choice.stop
    calls = any(isinstance(part, ToolCall) for part in parts)
    message: JsonObject = {
        "id": answer_id(reply.id, "msg_", asked, own),
        "type": "message",
        "role": "assistant",
        "model": reply.model or asked.model,
        "content": write_blocks(parts),
        "stop_reason": write_stop(stop, own=own, calls=calls),
    }
    if own:
        message.update(reply.extra)
    else:
        message["stop_sequence"] = None
    if stop is not None and stop.sequence is not None:
        message["stop_sequence"] = stop.sequence
    if own and stop is not None and stop.details is not None:
        message["stop_details"] = stop.details
    elif not own and (words := explanation(stop)):
        message["stop_details"] = stop_details(words)
    message["usage"] = write_usage(reply.usage, own=own)
    return message


def _sayable(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Returns another format's parts as far as this format can express them.

    Leaves out blank texts, which the API refuses in the next turn of the conversation ("text
    content blocks must contain non-whitespace text"), unless there is nothing else.
    """
    said = tuple(clean(part) for part in parts if not isinstance(part, Media) and _says(part))
    return said or (Text(text=""),)


def _says(part: Part) -> bool:
    match part:
        case Text():
            return bool(part.text.strip() or part.citations)
        case Refusal():
            return bool(part.text.strip())
        case Thinking():
            return bool(part.text or part.redacted or part.signature)
    return True


def clean(part: Part) -> Part:
    """Returns a part of another format without the members only that format knows."""
    match part:
        case Text() | ToolCall() if part.extra or part.form:
            return altered(part, extra={}, form="")
        case Thinking(signer=signer):
            return altered(part, extra={}, form="" if signer == NAME else SEALED)
    return part
