"""A whole answer of `/api/chat`."""

from addons.wire.callids import AnswerIds
from addons.wire.conversation import Choice
from addons.wire.conversation import Part
from addons.wire.conversation import Refusal
from addons.wire.conversation import Reply
from addons.wire.conversation import Text
from addons.wire.conversation import Thinking
from addons.wire.conversation import ToolCall
from addons.wire.errors import BadReply
from addons.wire.format import Asked
from addons.wire.jsonio import JsonObject
from addons.wire.logprobs import extra_of
from addons.wire.logprobs import read_tokens
from addons.wire.logprobs import tokens_in
from addons.wire.logprobs import with_bytes
from addons.wire.members import object_of
from addons.wire.members import objects_of
from addons.wire.members import rest
from addons.wire.members import text_of
from addons.wire.ollama.answers import left_over
from addons.wire.ollama.answers import read_stop
from addons.wire.ollama.answers import read_usage
from addons.wire.ollama.answers import write_end
from addons.wire.ollama.answers import write_head
from addons.wire.ollama.messages import read_call
from addons.wire.ollama.messages import read_images
from addons.wire.ollama.messages import write_call
from addons.wire.ollama.messages import write_images
from addons.wire.ollama.names import NAME
from addons.wire.ollama.names import own
from addons.wire.ollama.names import owned
from addons.wire.ollama.names import seconds_of


def read_reply(body: JsonObject) -> Reply:
    """Raises BadReply on a body that is no answer."""
    message = body.get("message")
    if not isinstance(message, dict):
        raise BadReply("the body has no message")
    parts: list[Part] = []
    if thinking := text_of(message.get("thinking")):
        parts.append(Thinking(text=thinking))
    if content := text_of(message.get("content")):
        parts.append(Text(text=content))
    parts += read_images(message.get("images"))
    ids = AnswerIds()
    calls = [read_call(raw, call_id_of(raw, body, ids)) for raw in tool_calls_of(message)]
    empty = {k: message[k] for k in message if k in _SAID and not message[k]}
    left = {**rest(message, *_SAID), **empty}
    done = body.get("done") is not False
    return Reply(
        format=NAME,
        model=text_of(body.get("model")) or None,
        created=seconds_of(body.get("created_at")),
        choices=(
            Choice(
                parts=(*parts, *calls),
                stop=read_stop(body, bool(calls)) if done else None,
                extra={**owned(left), **extra_of(read_tokens(body.get("logprobs")))},
            ),
        ),
        usage=read_usage(body),
        extra=owned(left_over(body)),
    )


_SAID = ("content", "thinking", "images", "tool_calls")


def tool_calls_of(message: JsonObject) -> list[JsonObject]:
    return objects_of(message.get("tool_calls"))


def call_id_of(raw: JsonObject, body: JsonObject, ids: AnswerIds) -> str:
    """The id of a call in the answer `body`, or in one line of it."""
    answer = f"{body.get('created_at')}{object_of(raw.get('function')).get('name')}"
    return ids.call(text_of(raw.get("id")), answer)


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """The answer as one body."""
    home = reply.format == NAME
    choice = reply.choice
    words = [part for part in choice.parts if isinstance(part, Text | Refusal)]
    message: JsonObject = {"role": "assistant", "content": "".join(p.text for p in words)}
    if thinking := "".join(p.text for p in choice.parts if isinstance(p, Thinking)):
        message["thinking"] = thinking
    if images := write_images(choice.parts, answer=True):
        message["images"] = images
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    if calls:
        message["tool_calls"] = [write_call(call, call.name, answer=not home) for call in calls]
    if home:
        if not words:
            del message["content"]
        del message["role"]
        message |= own(choice.extra)
    left = own(reply.extra) if home else {}
    head = write_head(reply.model, reply.created, asked)
    logged = extra_of(with_bytes(tokens_in(choice.extra)))
    return {**head, "message": message, **logged, **write_end(choice.stop, reply.usage, left)}
