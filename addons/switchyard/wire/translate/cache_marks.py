"""Marks where a prompt cache shall end, for clients that cannot say it.

Anthropic's API caches a prompt only up to blocks that a request marks with `cache_control` (guide
"Prompt caching": at most four; tools come first, then the system prompt, then the messages; text
without characters and thinking cannot be marked; a prompt below the model's minimum is not cached).
Writing costs 1.25 times the price of input, 2 times for an hour, and reading a tenth of it: marks
pay from the second turn on, when a conversation goes on.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import Literal

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of

type CacheMarks = Literal["auto", "off", "1h"]
"""Where a client said nothing: marks for 5 minutes, none, or marks for an hour."""

LEAST = 4096
"""Tokens, where a model's minimum is unknown: the highest that any model has."""

_CHARACTERS = 4
"""Characters of a token, rather too many: marks below the minimum would be of no use."""

_MARKED_TURNS = 2
"""The user's last turns that are marked: one finds what was cached up to 20 blocks before it, and
the other what the last request wrote."""

_MARKABLE = ("text", "image", "document", "tool_use", "tool_result", "search_result")


def with_marks(body: JsonObject, marks: CacheMarks, minimum: int = LEAST) -> JsonObject:
    """Returns a body of Anthropic's format with marks at its tools, system prompt and last turns.

    Returns `body` itself where marks do not pay: in a first turn, below the `minimum` of tokens, or
    where it has any mark already. Never changes it, nor anything in it.
    """
    messages = body.get("messages")
    if marks == "off" or not isinstance(messages, list):
        return body
    if not any(one.get("role") == "assistant" for one in objects_of(messages)):
        return body
    if _is_marked(body) or not _is_long(body, minimum * _CHARACTERS):
        return body
    mark = {"type": "ephemeral", "ttl": "1h"} if marks == "1h" else {"type": "ephemeral"}
    marked = dict(body)
    if isinstance(tools := body.get("tools"), list) and tools and isinstance(tools[-1], dict):
        marked["tools"] = [*tools[:-1], {**tools[-1], "cache_control": mark}]
    if (system := _with_mark(body.get("system"), mark)) is not None:
        marked["system"] = system
    written = list(messages)
    turns = [i for i, one in enumerate(messages) if _role_of(one) == "user"]
    for place in turns[-_MARKED_TURNS:]:
        if (content := _with_mark(messages[place].get("content"), mark)) is not None:
            written[place] = {**messages[place], "content": content}
    marked["messages"] = written
    return marked


def _role_of(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _with_mark(content: Any, mark: JsonObject) -> list[Any] | None:
    """Returns content whose last block that can be marked is; None if it has none such."""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        return None
    for place in reversed(range(len(content))):
        block = content[place]
        if _is_markable(block):
            return [*content[:place], {**block, "cache_control": mark}, *content[place + 1 :]]
    return None


def _is_markable(block: Any) -> bool:
    if not isinstance(block, dict) or block.get("type") not in _MARKABLE:
        return False
    return block.get("type") != "text" or bool(str(block.get("text") or "").strip())


def _is_marked(body: JsonObject) -> bool:
    if "cache_control" in body:
        return True
    return any("cache_control" in one for one in _blocks(body))


def _blocks(body: JsonObject) -> Iterator[JsonObject]:
    yield from objects_of(body.get("tools"))
    yield from objects_of(body.get("system"))
    for message in objects_of(body.get("messages")):
        for block in objects_of(message.get("content")):
            yield block
            yield from objects_of(block.get("content"))


def _is_long(body: JsonObject, characters: int) -> bool:
    """Whether a body has at least so many characters of text; reads no more of it."""
    left = characters
    for text in _texts((body.get("system"), body.get("tools"), body.get("messages"))):
        left -= len(text)
        if left <= 0:
            return True
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)
