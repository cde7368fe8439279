"""Finds the proofs in a request's input.

Sources: API reference, "Responses"; guide "Reasoning models". Only the organisation that encrypted
reasoning was made for can read it, and an id refers to an item only at the provider that stores it.
The API refuses a call or message whose id belongs to the follower of a reasoning item without that
item, so it loses its id with it.
"""

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import rest
from switchyard.wire.formats.openai_responses.history import is_reference
from switchyard.wire.formats.openai_responses.names import own
from switchyard.wire.formats.openai_responses.names import text_of
from switchyard.wire.formats.openai_responses.words import item_words
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Part
from switchyard.wire.model.proofs import Keeps
from switchyard.wire.model.proofs import proofs_of as model_proofs_of
from switchyard.wire.model.proofs import with_items
from switchyard.wire.shared.compaction import KINDS

MARKS = (b'"encrypted_content"', b'"id"')
"""Every body that has a proof contains one of these."""

_RUN_THERE = frozenset(
    {
        *("web_search_call", "file_search_call", "code_interpreter_call"),
        *("image_generation_call", "mcp_call", "mcp_list_tools", "mcp_approval_request"),
    }
)
"""Items of tools that run at the provider (API reference, "Responses", input items)."""


def with_proofs(body: JsonObject, keeps: Keeps) -> JsonObject:
    """Returns `body` with only the proofs that `keeps` accepts.

    Text replaces the items of tools that ran at a provider. Returns `body` itself if all are kept;
    never changes it.
    """
    return with_items(body, "input", _select(keeps)) or {**body, "input": []}


def proofs_of(part: Part) -> Iterator[str]:
    """Yields the proofs in a part of a reply, and the id of the item it was read from."""
    yield from model_proofs_of(part)
    if isinstance(part, Opaque) and part.kind in KINDS:
        yield text_of(part.raw.get("encrypted_content"))
    said = own(getattr(part, "extra", EMPTY))
    for holder in ("item", "message"):
        if isinstance(id := said.get(holder, EMPTY).get("id"), str):
            yield id


def _select(keeps: Keeps) -> Callable[[Any], list[Any]]:
    """Returns a filter of items, to be called with all items in order."""
    lost = False

    def item(said: Any) -> list[Any]:
        nonlocal lost
        if not isinstance(said, dict):
            return [said]
        kind, id = said.get("type"), text_of(said.get("id"))
        if kind == "reasoning":
            lost = not keeps(text_of(said.get("encrypted_content")) or id)
            return [] if lost else [said]
        if is_reference(said):
            return [said] if keeps(id) else []
        if said.get("role") in ("user", "system", "developer"):
            lost = False
        if kind in KINDS or not id:
            return [said]
        if not lost and keeps(id):
            return [said]
        if kind not in _RUN_THERE:
            return [dict(rest(said, "id"))]
        words = item_words(said)
        return [{"type": "message", "role": "assistant", "content": words}] if words else []

    return item
