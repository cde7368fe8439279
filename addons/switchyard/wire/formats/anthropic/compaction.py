"""Compaction in Anthropic's Messages API.

Sources: the guides "Compaction on demand" (request member `compaction`) and "Compaction at a token
threshold" (`context_management`, edit `compact_20260112`); the SDK's `BetaCompactionBlockParam`.
The API leaves out all that is before the last block with content; one without is a no-op.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import int_of
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.format import Compaction
from switchyard.wire.formats.anthropic.blocks import NAME
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.shared.compaction import is_ours
from switchyard.wire.shared.compaction import seal_summary

_EDIT = "compact_"
"""What the type of the edit begins with; a date follows."""

_USUAL = 150_000
"""Tokens from which on the edit compacts, where the request names no other number."""


def find_compaction(body: JsonObject) -> Compaction | None:
    """What a request has to do with compaction; None if nothing."""
    wish = body.get("compaction")
    asks = isinstance(wish, dict) and wish.get("type") == "summarize"
    edit = _edit(body.get("context_management"))
    held = [block for message in objects_of(body.get("messages")) for block in _blocks(message)]
    if not asks and edit is None and not held:
        return None
    source = object_of(wish) if asks else edit or {}
    return Compaction(
        now=asks,
        threshold=None if edit is None else _trigger(edit),
        pauses=edit is not None and edit.get("pause_after_compaction") is True,
        instructions=text_of(source.get("instructions")).strip() or None,
        held=bool(held),
        ours=any(map(is_ours, held)),
    )


def summary_block(text: str, id: str) -> Opaque:
    """The block that a client receives for a summary.

    The envelope in place of a signature shows that the router made it.
    """
    block = {"type": "compaction", "content": text, "signature": seal_summary(text)}
    return Opaque(format=NAME, kind="compaction", raw=block)


def _blocks(message: JsonObject) -> list[JsonObject]:
    content = message.get("content")
    if not isinstance(content, list):
        return []
    return [
        block
        for block in content
        if isinstance(block, dict) and block.get("type") == "compaction" and block.get("content")
    ]


def _edit(management: Any) -> JsonObject | None:
    edits = objects_of(object_of(management).get("edits"))
    return next((e for e in edits if text_of(e.get("type")).startswith(_EDIT)), None)


def _trigger(edit: JsonObject) -> int:
    return int_of(object_of(edit.get("trigger")).get("value")) or _USUAL
