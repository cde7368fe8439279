"""Reads streams, each event as the chunk of Chat Completions that means the same.

Source: Cohere's guide "Streaming", "Chat Stream Events".
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.cohere.names import CHAT_FINISHES
from switchyard.wire.formats.cohere.names import chat_usage
from switchyard.wire.formats.openai_chat.stream_reader import DONE
from switchyard.wire.formats.openai_chat.stream_reader import ChatReader
from switchyard.wire.model.events import Event


class CohereReader(ChatReader):
    """Reads one stream; see `format.StreamReader`."""

    def feed(self, frame: Frame) -> list[Event]:
        event = loads_object(frame.data)
        if event is None:
            return []
        delta = object_of(event.get("delta"))
        if event.get("type") == "message-end":
            return [*super().feed(Frame(dumps(_end(delta)))), *super().feed(Frame(DONE))]
        said = _said(event, object_of(delta.get("message")))
        if not said:
            return []
        chunk: JsonObject = {"choices": [{"index": 0, "delta": said}]}
        if id := text_of(event.get("id")):
            chunk["id"] = id
        return super().feed(Frame(dumps(chunk)))


def _said(event: JsonObject, message: JsonObject) -> JsonObject:
    """Returns the `delta` of a chunk that means what an event says; empty if nothing."""
    match event.get("type"):
        case "message-start":
            return {"role": "assistant"}
        case "content-start" | "content-delta":
            content = object_of(message.get("content"))
            if thinking := text_of(content.get("thinking")):
                return {"reasoning_content": thinking}
            text = text_of(content.get("text"))
            return {"content": text} if text else {}
        case "tool-call-start" | "tool-call-delta":
            call = {"index": event.get("index"), **object_of(message.get("tool_calls"))}
            return {"tool_calls": [call]}
    return {}


def _end(delta: JsonObject) -> JsonObject:
    if error := text_of(delta.get("error")):
        return {"error": {"message": error}}
    finish = CHAT_FINISHES.get(text_of(delta.get("finish_reason")), "stop")
    chunk: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    if usage := chat_usage(object_of(delta.get("usage"))):
        chunk["usage"] = usage
    return chunk
