"""Fits a request's body to a model's chat template.

Local servers put messages into the template that comes with a model, and many templates refuse what
the API allows: Qwen 3.5 to 3.8 a system message that is not the first (ggml-org/llama.cpp#20733),
Gemma and Mistral roles that do not take turns (charmbracelet/crush#279; the templates' own
`raise_exception` lines), others messages without content. Which of it holds for an upstream is data
(a profile in the configuration); it is applied to bodies that pass through as to translated ones.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from operator import is_
from typing import Any
from typing import Literal
from typing import Protocol

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.shared.placing import reminder

type SystemPlace = Literal["anywhere", "first", "none"]

_MESSAGES = ("openai-chat", "anthropic", "ollama")
_SYSTEM = ("system", "developer")
_TEXT_TYPES = ("text", "input_text", "output_text")
_BETWEEN = "\n\n"

_OPENING = "."
"""The user's text if a template requires a first message of the user and there is none."""
_GOING_ON = "Understood."
"""The assistant's text between a tool's result and a user's message right after it."""


class Template(Protocol):
    """The limits of a template; None means everything that the format allows."""

    @property
    def system(self) -> SystemPlace | None:
        """Positions of instructions: anywhere, in one message at the front, or none."""

    @property
    def roles_in_turn(self) -> bool | None:
        """True: user and assistant must take turns, the user first."""

    @property
    def empty_content(self) -> bool | None:
        """False: a message must have content, or make calls."""


def fit_template(body: JsonObject, format: str, template: Template) -> JsonObject:
    """Returns `body`, in `format`, in the form that a model's template accepts.

    Returns `body` itself if nothing has to change; never changes it, nor anything in it.
    """
    place = template.system if template.system != "anywhere" else None
    if format == "openai-responses":
        return _with_instructions_first(body) if place else body
    messages = body.get("messages")
    if format not in _MESSAGES or not isinstance(messages, list):
        return body
    if not all(isinstance(message, dict) for message in messages):
        return body
    fitted: list[JsonObject] = messages
    if template.empty_content is False:
        fitted = _without_empty(fitted)
    if place is not None:
        fitted = _with_system_first([_without_system_blocks(message) for message in fitted])
    if place == "none":
        fitted = _with_system_in_user(fitted)
    if template.roles_in_turn:
        fitted = list(_in_turn(fitted))
    if len(fitted) == len(messages) and all(map(is_, fitted, messages)):
        return body
    return {**body, "messages": fitted}


def _without_empty(messages: list[JsonObject]) -> list[JsonObject]:
    """Removes messages without content; a tool's result stays, with a text instead."""
    kept: list[JsonObject] = []
    for message in messages:
        if message.get("role") in ("tool", "function") and not _has_content(message):
            kept.append({**message, "content": "(no output)"})
        elif _has_content(message) or message.get("images"):
            kept.append(message)
        elif message.get("tool_calls") or message.get("function_call"):
            kept.append(message if message.get("content") is None else {**message, "content": None})
    return kept


def _has_content(message: JsonObject) -> bool:
    content = message.get("content")
    if isinstance(content, str):
        return bool(content.strip())
    if not isinstance(content, list):
        return False
    return any(not _is_text(part) or bool(str(part.get("text") or "").strip()) for part in content)


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _TEXT_TYPES


def _with_system_first(messages: list[JsonObject]) -> list[JsonObject]:
    """Puts one system message in front, and later ones into user turns.

    Never between calls and their results.
    """
    first = next((i for i, m in enumerate(messages) if m.get("role") not in _SYSTEM), len(messages))
    placed = [_joined(messages[:first])] if first > 1 else messages[:first]
    waiting: list[JsonObject] = []
    for message in messages[first:]:
        if message.get("role") in _SYSTEM:
            waiting.append(_as_user(message))
            continue
        if waiting and message.get("role") not in ("tool", "function"):
            _place(placed, waiting, message)
            if message.get("role") == "user":
                continue
        placed.append(message)
    if waiting:
        _place(placed, waiting, None)
    return placed


def _without_system_blocks(message: JsonObject) -> JsonObject:
    """Returns a message with text in place of instruction blocks (Anthropic)."""
    content = message.get("content")
    if not isinstance(content, list) or not any(map(_is_system_block, content)):
        return message
    among_users = message.get("role") not in _SYSTEM
    made = [_spelled_out(part, among_users) if _is_system_block(part) else part for part in content]
    return {**message, "content": [part for part in made if part is not None]}


def _spelled_out(block: JsonObject, among_users: bool) -> JsonObject | None:
    """Returns the text of a block that holds an instruction; None if it has none."""
    words = _words(block.get("content"))
    if not words:
        return None
    return {"type": "text", "text": reminder(words) if among_users else words}


def _is_system_block(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "mid_conv_system"


def _place(placed: list[JsonObject], waiting: list[JsonObject], after: JsonObject | None) -> None:
    """Puts pending text into the user's adjacent turn, or into a turn of its own."""
    told = _joined(waiting)
    waiting.clear()
    if after is not None and after.get("role") == "user":
        placed.append(_joined([after, told] if _answers(after) else [told, after]))
    elif placed and placed[-1].get("role") == "user":
        placed[-1] = _joined([placed[-1], told])
    else:
        placed.append(told)


def _answers(message: JsonObject) -> bool:
    """Whether a user's message begins with tool results, which come first (Anthropic)."""
    content = message.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and first.get("type") == "tool_result"


def _with_system_in_user(messages: list[JsonObject]) -> list[JsonObject]:
    """Puts the system's text at the beginning of the first user message."""
    if not messages or messages[0].get("role") not in _SYSTEM:
        return messages
    told, *others = messages
    told = {**told, "role": "user"}
    if others and others[0].get("role") == "user":
        return [_joined([told, others[0]]), *others[1:]]
    return [told, *others]


def _in_turn(messages: list[JsonObject]) -> Iterator[JsonObject]:
    """Makes user and assistant alternate, the user first; results belong to the calls."""
    before: JsonObject | None = None
    for message in messages:
        role, last = message.get("role"), (before or {}).get("role")
        if role == "assistant" and last in (None, *_SYSTEM):
            if before is not None:
                yield before
            before = {"role": "user", "content": _OPENING}
        elif role == "user" and last in ("tool", "function") and before is not None:
            yield before
            before = {"role": "assistant", "content": _GOING_ON}
        elif role == last and before is not None and _can_join(role, before):
            before = _joined([before, message])
            continue
        if before is not None:
            yield before
        before = message
    if before is not None:
        yield before


def _can_join(role: Any, before: JsonObject) -> bool:
    return role == "user" or (role == "assistant" and not before.get("tool_calls"))


def _as_user(message: JsonObject) -> JsonObject:
    """Returns a later instruction as a user's message."""
    content = message.get("content")
    if isinstance(content, list):
        words = [_reminding(part) for part in content if isinstance(part, dict | str)]
        return {"role": "user", "content": [part for part in words if part is not None]}
    return {"role": "user", "content": reminder(content) if isinstance(content, str) else ""}


def _reminding(part: Any) -> Any:
    if isinstance(part, str):
        return reminder(part)
    if not _is_text(part):
        return part if part.get("type") in ("image", "image_url", "document", "file") else None
    return {**part, "text": reminder(str(part.get("text") or ""))}


def _joined(messages: list[JsonObject]) -> JsonObject:
    """Joins several messages of one side; the first one's other members win."""
    if len(messages) == 1:
        return messages[0]
    merged: JsonObject = {}
    for message in messages:
        merged = {**message, **merged}
    contents = [m["content"] for m in messages if m.get("content") not in (None, "")]
    merged["content"] = _content(contents) if contents else messages[0].get("content")
    for name in ("tool_calls", "images"):
        if lists := [m[name] for m in messages if isinstance(m.get(name), list)]:
            merged[name] = [one for items in lists for one in items]
    return merged


def _content(contents: list[Any]) -> Any:
    if all(isinstance(content, str) for content in contents):
        return _BETWEEN.join(contents)
    return [part for content in contents for part in _parts(content)]


def _parts(content: Any) -> Iterable[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if isinstance(content, str) else [content]


def _with_instructions_first(body: JsonObject) -> JsonObject:
    """Moves a Responses body's leading system messages to `instructions`.

    Later ones become the user's.
    """
    items = body.get("input")
    if not isinstance(items, list) or not any(_is_system_item(item) for item in items):
        return body
    first = next((i for i, item in enumerate(items) if not _is_system_item(item)), len(items))
    words = [_words(item.get("content")) for item in items[:first]]
    left = [_as_user_item(item) if _is_system_item(item) else item for item in items[first:]]
    before = body.get("instructions")
    told = [before] if isinstance(before, str) and before else []
    said = _BETWEEN.join([*told, *filter(None, words)])
    return {**body, **({"instructions": said} if said else {}), "input": left}


def _is_system_item(item: Any) -> bool:
    return isinstance(item, dict) and item.get("role") in _SYSTEM and "tools" not in item


def _as_user_item(item: JsonObject) -> JsonObject:
    return {**item, **_as_user(item)}


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    return _BETWEEN.join(str(part.get("text") or "") for part in parts if _is_text(part))
