"""Restores conversations that a provider of this format would have stored.

API reference, "Conversation state": a request may name the response that it continues
(`previous_response_id`), and single items of earlier answers (`item_reference`). A provider that
did not give those answers knows neither. From the items that the router stores with each answer,
this module makes a request without such references.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.words import item_words
from switchyard.wire.shared.envelope import is_sealed
from switchyard.wire.shared.server_tool_results import is_made_here


def input_items(body: JsonObject) -> list[JsonObject]:
    """Returns the input of a request as items.

    These items and then the answer's `output` are what a later `expand` needs.
    """
    value = body.get("input")
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    return objects_of(value)


def expand(body: JsonObject, history: Sequence[JsonObject]) -> JsonObject:
    """Returns `body` with the conversation it continues in front of its own input.

    The result has no `previous_response_id`. Instructions are not carried over, by the API's own
    rule.
    """
    known = {item["id"]: item for item in history if isinstance(item.get("id"), str)}
    items = _resolved(input_items(body), known.get)
    rest = {k: v for k, v in body.items() if k != "previous_response_id"}
    return {**rest, "input": [*history, *items]}


def resolve(body: JsonObject, find: Callable[[str], JsonObject | None]) -> JsonObject:
    """Returns `body` with items in place of the references that `find` knows by id.

    Returns the same object if nothing changes.
    """
    items = body.get("input")
    if not isinstance(items, list) or not any(map(is_reference, items)):
        return body
    return {**body, "input": _resolved(items, find)}


def without_foreign(body: JsonObject) -> JsonObject:
    """Returns `body` without what only a provider of another format can read.

    Reasoning of such a provider travels in an envelope, which a provider of this format refuses; it
    is removed. Text replaces the items of tools that ran there. Returns the same object if there
    are none.
    """
    items = body.get("input")
    if not isinstance(items, list):
        return body
    if not any(_is_foreign(item) or _is_served_elsewhere(item) for item in items):
        return body
    left = [made for item in items if not _is_foreign(item) if (made := _said(item)) is not None]
    return {**body, "input": left}


def is_reference(item: Any) -> bool:
    """Whether an item only references another one."""
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        return False
    return item.get("type") == "item_reference" or item.keys() == {"id"}


def _resolved(
    items: Sequence[JsonObject], find: Callable[[str], JsonObject | None]
) -> list[JsonObject]:
    return [(find(item["id"]) or item) if is_reference(item) else item for item in items]


def _is_served_elsewhere(item: Any) -> bool:
    return isinstance(item, dict) and "role" not in item and is_made_here(item.get("id"))


def _said(item: Any) -> Any:
    if not _is_served_elsewhere(item):
        return item
    words = item_words(item)
    return {"type": "message", "role": "assistant", "content": words} if words else None


def _is_foreign(item: Any) -> bool:
    return isinstance(item, dict) and is_sealed(item.get("encrypted_content"))
