"""Reads and writes whole responses (OpenAI's reference, "The completion object")."""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.stops import read_stop
from switchyard.wire.formats.openai_chat.usage import read_usage
from switchyard.wire.formats.openai_chat.usage import write_usage
from switchyard.wire.formats.openai_completions.names import NAME
from switchyard.wire.formats.openai_completions.names import OBJECT
from switchyard.wire.formats.openai_completions.names import echoed
from switchyard.wire.formats.openai_completions.names import own
from switchyard.wire.formats.openai_completions.names import owned
from switchyard.wire.formats.openai_completions.names import stop_said
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.errors import BadReply
from switchyard.wire.shared.response_ids import answer_id

TOP = ("id", "created", "model", "choices", "usage")
CHOICE = ("index", "text", "finish_reason")


def read_reply(body: JsonObject) -> Reply:
    """Returns the reply that a response body holds. Raises BadReply."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise BadReply("the response has no choices, so it is not a completion")
    return Reply(
        format=NAME,
        id=text_of(body.get("id")) or None,
        model=text_of(body.get("model")) or None,
        created=int_of(body.get("created")),
        choices=tuple(_read_choice(raw, number) for number, raw in enumerate(objects_of(choices))),
        usage=read_usage(body.get("usage")),
        extra=owned(rest(body, *TOP)),
    )


def write_reply(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response body; lossless for a reply that this format's reader made."""
    ours = reply.format == NAME
    echo = "" if ours else echoed(asked)
    written: JsonObject = {
        "id": answer_id(reply.id, "cmpl-", asked, ours),
        "object": OBJECT,
        "created": reply.created if reply.created is not None else asked.created,
        "model": reply.model or asked.model,
        "choices": [_write_choice(choice, ours, echo) for choice in reply.choices],
    }
    if reply.usage is not None:
        written["usage"] = write_usage(reply.usage)
    return written | own(reply.extra)


def choice_text(raw: JsonObject) -> str:
    """Returns the text of a choice or chunk, also if a server writes it as Chat does."""
    said = text_of(raw.get("text")) or text_of(object_of(raw.get("delta")).get("content"))
    return said or text_of(object_of(raw.get("message")).get("content"))


def _read_choice(raw: JsonObject, number: int) -> Choice:
    index = int_of(raw.get("index"))
    text = choice_text(raw)
    return Choice(
        index=number if index is None else index,
        parts=(Text(text=text),) if text else (),
        stop=read_stop(raw, has_calls=False) or Stop(reason="end"),
        extra=owned(rest(raw, *CHOICE)),
    )


def _write_choice(choice: Choice, ours: bool, echo: str) -> JsonObject:
    words = "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    return {
        "text": echo + words,
        "index": choice.index,
        "logprobs": None,
        **stop_said(choice.stop, ours),
        **own(choice.extra),
    }
