"""Reads and writes a whole response of `/api/chat`."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.ollama.final_members import Stopwatch
from switchyard.wire.formats.ollama.final_members import left_over
from switchyard.wire.formats.ollama.final_members import read_stop
from switchyard.wire.formats.ollama.final_members import read_usage
from switchyard.wire.formats.ollama.final_members import write_end
from switchyard.wire.formats.ollama.final_members import write_head
from switchyard.wire.formats.ollama.messages import read_call
from switchyard.wire.formats.ollama.messages import read_images
from switchyard.wire.formats.ollama.messages import write_call
from switchyard.wire.formats.ollama.messages import write_images
from switchyard.wire.formats.ollama.names import NAME
from switchyard.wire.formats.ollama.names import own
from switchyard.wire.formats.ollama.names import owned
from switchyard.wire.formats.ollama.names import seconds_of
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.logprobs import extra_of
from switchyard.wire.model.logprobs import read_tokens
from switchyard.wire.model.logprobs import tokens_in
from switchyard.wire.model.logprobs import with_bytes
from switchyard.wire.shared.call_ids import AnswerIds


def read_reply(body: JsonObject) -> Reply:
    """Returns the response; raises BadReply on a body that is not one."""
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
    """Returns the id of a call in the response `body`, or in one line of it."""
    answer = f"{body.get('created_at')}{object_of(raw.get('function')).get('name')}"
    return ids.call(text_of(raw.get("id")), answer)


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response as one body."""
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
        message |= own(choice.extra)
    left = own(reply.extra) if home else {}
    head = write_head(reply.model, reply.created, asked)
    logged = extra_of(with_bytes(tokens_in(choice.extra)))
    end = write_end(choice.stop, reply.usage, left)
    return Stopwatch(asked).completed({**head, "message": message, **logged, **end})
