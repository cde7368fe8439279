"""Implements Ollama's second shape, `/api/generate`: one prompt, one `response`.

Source: Ollama's API documentation, "Generate a completion". The rest equals `/api/chat`, so bodies
are converted to that shape and back; a provider of the format serves both.
"""

from collections.abc import Iterable

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.format import Asked
from switchyard.wire.format import EndpointPath
from switchyard.wire.formats.ollama import Ollama
from switchyard.wire.formats.ollama.stream_reader import OllamaStreamReader
from switchyard.wire.formats.ollama.stream_writer import OllamaStreamWriter
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import Event

_WORDS = ("response", "thinking", "images")
_ASKED = ("prompt", "system", "images")
_SPEAKERS = {"assistant": "Assistant: ", "user": "User: ", "tool": "Tool: "}


class OllamaGenerate(Ollama):
    """Implements the format `ollama` in its second shape."""

    call_path = "/generate"
    endpoints = (EndpointPath("/api/generate"),)
    own_endpoints = ()

    def read_request(self, body: JsonObject) -> Conversation:
        prompt, system = body.get("prompt"), text_of(body.get("system"))
        if not isinstance(prompt, str):
            raise BadRequest("'prompt' must be a text", "prompt")
        question: JsonObject = {"role": "user", "content": prompt}
        if images := body.get("images"):
            question["images"] = images
        messages = [{"role": "system", "content": system}, question] if system else [question]
        return super().read_request({**rest(body, *_ASKED), "messages": messages})

    def write_request(self, conversation: Conversation) -> JsonObject:
        body = super().write_request(conversation)
        messages = objects_of(body["messages"])
        written: JsonObject = {**rest(body, "messages", "tools"), "prompt": _prompt(messages)}
        said = [text_of(one.get("content")) for one in messages if one.get("role") == "system"]
        if said:
            written["system"] = "\n\n".join(said)
        if images := [image for one in messages for image in one.get("images") or ()]:
            written["images"] = images
        return written

    def read_reply(self, body: JsonObject) -> Reply:
        if not isinstance(body.get("response"), str):
            raise BadReply("the body has no response")
        return super().read_reply(_as_chat(body))

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        return _as_generate(super().write_reply(reply, asked))

    def stream_reader(self) -> "GenerateReader":
        return GenerateReader()

    def stream_writer(self, asked: Asked) -> "GenerateWriter":
        return GenerateWriter(asked)


class GenerateReader(OllamaStreamReader):
    """Reads lines of `response`."""

    def feed(self, frame: Frame) -> list[Event]:
        line = loads_object(frame.data)
        return [] if line is None else super().feed(Frame(dumps(_as_chat(line))))


class GenerateWriter(OllamaStreamWriter):
    """Writes lines of `response`."""

    def feed(self, event: Event) -> bytes:
        return _rewritten(super().feed(event))

    def close(self) -> bytes:
        return _rewritten(super().close())


def _prompt(messages: Iterable[JsonObject]) -> str:
    """Returns a conversation as one text; a single question unchanged."""
    spoken = [one for one in messages if one.get("role") != "system"]
    if len(spoken) == 1 and spoken[0].get("role") == "user":
        return text_of(spoken[0].get("content"))
    lines = [
        f"{_SPEAKERS.get(text_of(one.get('role')), '')}{text_of(one.get('content'))}"
        for one in spoken
    ]
    if spoken and spoken[-1].get("role") != "assistant":
        lines.append("Assistant:")
    return "\n\n".join(lines)


def _as_chat(body: JsonObject) -> JsonObject:
    if "response" not in body and "done" not in body:
        return body
    message: JsonObject = {"role": "assistant", "content": text_of(body.get("response"))}
    message |= {name: body[name] for name in _WORDS[1:] if body.get(name)}
    return {**rest(body, *_WORDS), "message": message}


def _as_generate(body: JsonObject) -> JsonObject:
    if "message" not in body:
        return body
    message = object_of(body["message"])
    said: JsonObject = {"response": text_of(message.get("content"))}
    said |= {name: message[name] for name in _WORDS[1:] if message.get(name)}
    head = {name: body[name] for name in ("model", "created_at") if name in body}
    return {**head, **said, **rest(body, "message", *head)}


def _rewritten(lines: bytes) -> bytes:
    """Converts lines of `/api/chat` to lines of `/api/generate`."""
    found = (loads_object(line) for line in lines.split(b"\n") if line)
    return b"".join(dumps(_as_generate(line)) + b"\n" for line in found if line is not None)
