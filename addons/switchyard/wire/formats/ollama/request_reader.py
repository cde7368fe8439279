"""Reads an `/api/chat` request."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.ollama.messages import read_message
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import owned
from switchyard.wire.formats.ollama.options import read_settings
from switchyard.wire.formats.ollama.options import read_tools
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.call_ids import HistoryIds


def read_request(body: JsonObject) -> Conversation:
    """Returns the conversation; raises BadRequest on a body that breaks the rules."""
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
