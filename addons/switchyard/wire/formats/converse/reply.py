"""Reads a whole answer of `Converse` (API reference, "ConverseResponse")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.formats.converse.blocks import read_blocks
from switchyard.wire.formats.converse.names import NAME
from switchyard.wire.formats.converse.usage import read_stop
from switchyard.wire.formats.converse.usage import read_usage
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply


def read_reply(body: JsonObject) -> Reply:
    """Returns the answer. Raises BadReply on a body that is none."""
    message = object_of(body.get("output")).get("message")
    if not isinstance(message, dict):
        raise BadReply("the body has no message, so it is no answer of the Converse API")
    parts = tuple(read_blocks(message.get("content")))
    calls = any(isinstance(part, ToolCall) for part in parts)
    fields = body.get("additionalModelResponseFields")
    stop = read_stop(body.get("stopReason"), fields, calls)
    usage = read_usage(object_of(body.get("usage")))
    return Reply(format=NAME, choices=(Choice(parts=parts, stop=stop),), usage=usage)
