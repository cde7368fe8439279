"""Reads and writes whole responses (Cohere's API reference, "Chat", response)."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.cohere.names import CHAT_FINISHES
from switchyard.wire.formats.cohere.names import chat_usage
from switchyard.wire.formats.cohere.names import finish_word
from switchyard.wire.formats.cohere.names import write_usage
from switchyard.wire.formats.openai_chat.reply import read_reply as read_chat
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply
from switchyard.wire.shared.arguments import settled


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response body for the first choice; citations and media are left out."""
    content: list[JsonObject] = []
    calls: list[JsonObject] = []
    for part in reply.choice.parts:
        match part:
            case Text() | Refusal() if part.text:
                content.append({"type": "text", "text": part.text})
            case Thinking() if part.text:
                content.append({"type": "thinking", "thinking": part.text})
            case ToolCall():
                calls.append(write_call(part, settled(part.arguments)))
    message: JsonObject = {"role": "assistant"}
    if content or not calls:
        message["content"] = content
    if calls:
        message["tool_calls"] = calls
    written: JsonObject = {
        "id": reply.id or asked.id,
        "finish_reason": finish_word(reply.choice.stop),
        "message": message,
    }
    if reply.usage is not None:
        written["usage"] = write_usage(reply.usage)
    return written


def write_call(call: ToolCall, arguments: str) -> JsonObject:
    """Returns one of `tool_calls`."""
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def read_reply(body: JsonObject) -> Reply:
    """Returns the reply that a response body holds. Raises BadReply."""
    said = body.get("message")
    if not isinstance(said, dict):
        raise BadReply("the response has no message, so it is not one of Cohere's Chat API")
    content = objects_of(said.get("content"))
    message: JsonObject = {
        "role": "assistant",
        "content": "".join(text_of(part.get("text")) for part in content),
    }
    if thinking := "".join(text_of(part.get("thinking")) for part in content):
        message["reasoning_content"] = thinking
    if calls := objects_of(said.get("tool_calls")):
        message["tool_calls"] = calls
    finish = CHAT_FINISHES.get(text_of(body.get("finish_reason")), "stop")
    chat: JsonObject = {
        "id": body.get("id"),
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }
    if usage := chat_usage(object_of(body.get("usage"))):
        chat["usage"] = usage
    return read_chat(chat)
