"""Holds names of the legacy Completions API that several modules here share."""

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.stops import finish_word
from switchyard.wire.formats.openai_chat.stops import stop_members
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text

NAME = "openai-completions"
"""This format's name, and the key under which its reader stores values in `extra` fields."""

OBJECT = "text_completion"


def own(extra: JsonObject) -> JsonObject:
    """Returns the values that this format's reader stored in an `extra` field.

    The result is empty for an `extra` field of another format.
    """
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """Returns an `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


def echoed(asked: Asked) -> str:
    """Returns the prompt if the answer must begin with it, else an empty text.

    It must if the client set `echo` and the answer comes from a provider that did not receive this
    member.
    """
    said = asked.conversation
    if said is None or said.format != NAME or own(said.extra).get("echo") is not True:
        return ""
    return "".join(part.text for part in said.parts() if isinstance(part, Text))


def stop_said(stop: Stop | None, ours: bool) -> JsonObject:
    """Returns the members of a choice that state why it ended.

    This API has no tools, so an answer that called a tool has the reason `stop`.
    """
    word = finish_word(stop, ours, legacy=False)
    members = EMPTY if ours else stop_members(stop)
    return {**members, "finish_reason": "stop" if word == "tool_calls" else word}


PLAIN: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "max_tokens": ("max_tokens", int),
    "temperature": ("temperature", (int, float)),
    "top_p": ("top_p", (int, float)),
    "presence_penalty": ("presence_penalty", (int, float)),
    "frequency_penalty": ("frequency_penalty", (int, float)),
    "seed": ("seed", int),
    "n": ("candidates", int),
    "logit_bias": ("logit_bias", dict),
    "user": ("user", str),
    "stream": ("stream", bool),
}
"""Members that mean the same as a field of `Conversation`, and their types.

A member of another type stays in `extra`, and the provider decides about it.
"""
