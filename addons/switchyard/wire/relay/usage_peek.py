"""What must be known of a whole answer that is passed on as it came, without reading all of it."""

from collections.abc import Callable
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.anthropic import blocks as anthropic
from switchyard.wire.formats.anthropic.usage import read_usage as read_anthropic_usage
from switchyard.wire.formats.openai_chat import names as openai_chat
from switchyard.wire.formats.openai_chat.reply import read_choices_usage
from switchyard.wire.model.conversation import Usage

type Glance = tuple[Usage | None]
"""The usage of a proper answer that says something."""


def glance(format: str, body: JsonObject) -> Glance | None:
    """A glance at an answer of a format that reports no error; None if it takes more than that to
    tell whether it is a proper one, and not an empty one."""
    look = _LOOKS.get(format)
    return look(body) if look is not None else None


def _chat(body: JsonObject) -> Glance | None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    first = choices[0]
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict) or not _is_text(message.get("content")):
        return None
    return (read_choices_usage(body, choices),)


def _anthropic(body: JsonObject) -> Glance | None:
    content = body.get("content")
    if not isinstance(content, list) or not content:
        return None
    first, usage = content[0], body.get("usage")
    if not isinstance(first, dict) or first.get("type") != "text":
        return None
    if not _is_text(first.get("text")):
        return None
    return (read_anthropic_usage(usage) if isinstance(usage, dict) else None,)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


_LOOKS: dict[str, Callable[[JsonObject], Glance | None]] = {
    openai_chat.NAME: _chat,
    anthropic.NAME: _anthropic,
}
