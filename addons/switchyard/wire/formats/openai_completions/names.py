"""Words of the legacy Completions API that several modules of this package share."""

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Asked
from switchyard.wire.formats.openai_chat.stops import finish_word
from switchyard.wire.formats.openai_chat.stops import stop_members
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text

NAME = "openai-completions"
"""This format's name. What its reader leaves in an `extra` field is kept under this key."""

OBJECT = "text_completion"


def own(extra: JsonObject) -> JsonObject:
    """What this format's reader left in an `extra` field; empty for another format's."""
    return extra.get(NAME) or EMPTY


def owned(said: JsonObject) -> JsonObject:
    """An `extra` field that holds `said` for this format's writer."""
    return {NAME: said} if said else EMPTY


def echoed(asked: Asked) -> str:
    """What the answer shall begin with: the prompt, for a client that asked to have it repeated
    (`echo`) and whose answer comes from a provider that was not told so."""
    said = asked.conversation
    if said is None or said.format != NAME or own(said.extra).get("echo") is not True:
        return ""
    return "".join(part.text for part in said.parts() if isinstance(part, Text))


def stop_said(stop: Stop | None, ours: bool) -> JsonObject:
    """The members of a choice that tell why it ended. There are no tools here, so an answer that
    called one just stopped."""
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
"""Members that mean the same as a field of `Conversation`, and their types. What is of another
type stays in `extra`, for the provider to judge."""
