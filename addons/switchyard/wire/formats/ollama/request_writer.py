"""Writes requests of Ollama's chat API (`docs/api.md`, "Generate a chat completion")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.ollama.messages import MessageWriter
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import own
from switchyard.wire.formats.ollama.options import write_settings
from switchyard.wire.formats.ollama.options import write_tools
from switchyard.wire.model.conversation import Conversation


def write_request(c: Conversation) -> JsonObject:
    """Returns a request body."""
    home = c.format == NAME
    writer = MessageWriter(c)
    messages = writer.write(c.turns)
    if not messages and not home:
        messages = [{"role": "user", "content": "."}]  # without any the model is only loaded
    body: JsonObject = {"model": c.model, "messages": messages}
    if tools := write_tools(c, writer.names, home):
        body["tools"] = tools
    if c.stream is not None:
        body["stream"] = c.stream
    return {**body, **write_settings(c, own(c.extra) if home else {})}
