"""Words of the legacy Completions API that several modules of this package share."""

from addons.wire.conversation import Stop
from addons.wire.conversation import Text
from addons.wire.format import Asked
from addons.wire.jsonio import EMPTY
from addons.wire.jsonio import JsonObject
from addons.wire.openai_chat.stops import finish_word
from addons.wire.openai_chat.stops import stop_members

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
