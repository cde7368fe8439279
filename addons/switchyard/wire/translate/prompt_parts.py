"""Finds the first part of a prompt that is not what it was in the request before.

Providers cache a prompt from its beginning: tools first, then the system prompt, then the messages
(Anthropic's guide "Prompt caching"; other formats have the same parts). Settings of thinking and
the choice of a tool count between system prompt and messages there.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps

_WHOLE = (("tools", "tool list"), ("instructions", "instructions"))
_SYSTEM = ("system", "systemInstruction")
_SETTINGS = (("tool_choice", "tool choice"), ("thinking", "thinking settings"))
_HISTORY = (("messages", "message"), ("input", "input item"), ("contents", "content"))
_BILLING_LINE = "x-anthropic-billing-header"
"""Claude Code's first system text, which is no part of what Anthropic caches."""


def changed_part(before: JsonObject, after: JsonObject) -> str | None:
    """Returns the name of the first part of `before` that `after` has not; None if it has all.

    Both are bodies of one format. Marks where a cache ends are no part. Places count from 1.
    """
    for (name, old), (_, new) in zip_longest(_parts(before), _parts(after), fillvalue=("", None)):
        if old is None and new is not None and name == "":
            return None  # it goes on
        if old is not new and _bytes(old) != _bytes(new):
            return name or None
    return None


def _parts(body: JsonObject) -> Iterator[tuple[str, Any]]:
    for member, name in _WHOLE:
        yield name, body.get(member)
    system = next((body[name] for name in _SYSTEM if name in body), None)
    blocks = system if isinstance(system, list) else [system]
    yield "number of system blocks", len(blocks)
    for place, block in enumerate(blocks, 1):
        yield f"system block {place}", None if _is_billing(block) else block
    if "messages" in body:
        for member, name in _SETTINGS:
            yield name, body.get(member)
    for member, name in _HISTORY:
        history = body.get(member)
        for place, one in enumerate(history if isinstance(history, list) else (), 1):
            yield f"{name} {place}", one


def _is_billing(block: Any) -> bool:
    text = block.get("text") if isinstance(block, dict) else block
    return isinstance(text, str) and text.startswith(_BILLING_LINE)


def _bytes(part: Any) -> bytes:
    return dumps(_unmarked(part))


def _unmarked(part: Any) -> Any:
    """Returns a part without marks, and with plain text as the block that it stands for."""
    if isinstance(part, dict):
        return {
            name: [{"type": "text", "text": value}]
            if name == "content" and isinstance(value, str)
            else _unmarked(value)
            for name, value in part.items()
            if name != "cache_control"
        }
    return [_unmarked(one) for one in part] if isinstance(part, list) else part
