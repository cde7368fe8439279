"""Ollama's older call for one prompt: `/api/generate`.

A prompt with a system text and images is a conversation of one turn, so everything but the shape
of the body is as with `/api/chat`: a request is read as one of format `ollama`, and goes to any
provider from there. It is a format for clients alone, which no provider is asked in.
"""

from addons.wire.conversation import Conversation
from addons.wire.conversation import Reply
from addons.wire.errors import BadReply
from addons.wire.errors import BadRequest
from addons.wire.events import Event
from addons.wire.format import Asked
from addons.wire.jsonio import JsonObject
from addons.wire.jsonio import loads_object
from addons.wire.members import object_of
from addons.wire.members import rest
from addons.wire.members import text_of
from addons.wire.ollama import Ollama
from addons.wire.ollama import reply as replies
from addons.wire.ollama import request as requests
from addons.wire.ollama.stream import OllamaStreamReader
from addons.wire.ollama.stream import OllamaStreamWriter
from addons.wire.sse import Frame

_OWN = ("prompt", "system", "images", "suffix", "template", "raw", "context")


class OllamaGenerate(Ollama):
    """The format `ollama-generate`.

    `template`, `raw` and `context` (tokens of an earlier answer) are passed over: the model's own
    template is used. `suffix` is refused, since no chat fills in the middle of a text.
    """

    name = "ollama-generate"

    def path(self, model: str, stream: bool) -> str:
        return "/generate"

    def read_request(self, body: JsonObject) -> Conversation:
        if body.get("suffix"):
            raise BadRequest("'suffix' is not supported: no chat model fills in text", "suffix")
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not (prompt or body.get("images")):
            raise BadRequest("'prompt' must be a text", "prompt")
        messages: list[JsonObject] = []
        if system := text_of(body.get("system")):
            messages.append({"role": "system", "content": system})
        user: JsonObject = {"role": "user", "content": prompt}
        if body.get("images"):
            user["images"] = body["images"]
        return requests.read_request({**rest(body, *_OWN), "messages": [*messages, user]})

    def write_request(self, conversation: Conversation) -> JsonObject:
        """The texts of all turns are one prompt."""
        body = requests.write_request(conversation)
        messages = [object_of(message) for message in body["messages"]]
        system = [m["content"] for m in messages if m.get("role") == "system"]
        others = [m for m in messages if m.get("role") != "system"]
        written = rest(body, "messages", "tools")
        written["prompt"] = "\n\n".join(m["content"] for m in others if m.get("content"))
        if system:
            written["system"] = "\n\n".join(system)
        if images := [image for m in others for image in m.get("images", ())]:
            written["images"] = images
        return written

    def read_reply(self, body: JsonObject) -> Reply:
        if not isinstance(body.get("response"), str):
            raise BadReply("the body has no response")
        return replies.read_reply(_as_chat(body))

    def write_reply(self, reply: Reply, asked: Asked) -> JsonObject:
        body = replies.write_reply(reply, asked)
        return {**rest(body, "message"), **_as_generate(body["message"])}

    def stream_reader(self) -> OllamaStreamReader:
        return _Reader()

    def stream_writer(self, asked: Asked) -> OllamaStreamWriter:
        return _Writer(asked)


class _Reader(OllamaStreamReader):
    def feed(self, frame: Frame) -> list[Event]:
        line = loads_object(frame.data)
        return self.read(_as_chat(line)) if line is not None else []


class _Writer(OllamaStreamWriter):
    def _said(self, member: str, text: bytes) -> bytes:
        empty = b'"response":"",' if member == "thinking" else b""
        name = b"thinking" if member == "thinking" else b"response"
        return b',%b"%b":%b' % (empty, name, text)

    def _line(self, message: JsonObject) -> JsonObject:
        return _as_generate(message)


def _as_chat(line: JsonObject) -> JsonObject:
    message = {"role": "assistant", "content": line.get("response")}
    if "thinking" in line:
        message["thinking"] = line["thinking"]
    return {**rest(line, "response", "thinking"), "message": message}


def _as_generate(message: JsonObject) -> JsonObject:
    said: JsonObject = {"response": message.get("content") or ""}
    if thinking := message.get("thinking"):
        said["thinking"] = thinking
    return said
