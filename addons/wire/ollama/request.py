"""An `/api/chat` request."""

from addons.wire.callids import HistoryIds
from addons.wire.conversation import Conversation
from addons.wire.errors import BadRequest
from addons.wire.jsonio import JsonObject
from addons.wire.members import text_of
from addons.wire.ollama.messages import MessageWriter
from addons.wire.ollama.messages import read_message
from addons.wire.ollama.names import NAME
from addons.wire.ollama.names import own
from addons.wire.ollama.names import owned
from addons.wire.ollama.settings import read_settings
from addons.wire.ollama.settings import read_tools
from addons.wire.ollama.settings import write_settings
from addons.wire.ollama.settings import write_tools


def read_request(body: JsonObject) -> Conversation:
    """Raises BadRequest on a body that breaks the rules."""
    model, messages, stream = body.get("model"), body.get("messages"), body.get("stream")
    if not text_of(model):
        raise BadRequest("'model' must name a model", "model")
    if not isinstance(messages, list):
        raise BadRequest("'messages' must be a list of messages", "messages")
    ids = HistoryIds()
    turns = [read_message(raw, ids, f"messages[{i}]") for i, raw in enumerate(messages)]
    tools = read_tools(body.get("tools"))
    fields, left = read_settings(body)
    left = {k: v for k, v in left.items() if k != "messages" and not (k == "tools" and tools)}
    return Conversation(
        format=NAME,
        model=text_of(model),
        stream=stream if isinstance(stream, bool) else None,
        turns=tuple(turns),
        tools=tools,
        extra=owned(left),
        **fields,
    )


def write_request(c: Conversation) -> JsonObject:
    """A request body."""
    home = c.format == NAME
    writer = MessageWriter(c)
    body: JsonObject = {"model": c.model, "messages": writer.write(c.turns)}
    if tools := write_tools(c, writer.names, home):
        body["tools"] = tools
    if c.stream is not None:
        body["stream"] = c.stream
    return {**body, **write_settings(c, own(c.extra) if home else {})}
