"""Reads and writes compaction in Anthropic's Messages API.

Sources: the guides "Compaction on demand" (request member `compaction`) and "Compaction at a token
threshold" (`context_management`, edit `compact_20260112`); the SDK's `BetaCompactionBlockParam`.
The API ignores everything before the last block with content; a block without content has no
effect.
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
"""Prefix of the edit's type; a date follows."""

_USUAL = 150_000
"""Default threshold of the edit, in tokens."""


def find_compaction(body: JsonObject) -> Compaction | None:
    """Returns the request's use of compaction; None if it has none."""
    wish = body.get("compaction")
    asks = isinstance(wish, dict) and wish.get("type") == "summarize"
    edit = _edit(body.get("context_management"))
    held = _blocks(body.get("messages"))
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
    """Returns the block that reports a summary to the client.

    The envelope in place of a signature marks the block as the router's own.
    """
    block = {"type": "compaction", "content": text, "signature": seal_summary(text)}
    return Opaque(format=NAME, kind="compaction", raw=block)


def _blocks(messages: Any) -> list[JsonObject]:
    """Returns the blocks that hold a summary.

    A single comprehension, because it runs on each request.
    """
    if not isinstance(messages, list):
        return []
    return [
        block
        for message in messages
        if type(message) is dict and type(content := message.get("content")) is list
        for block in content
        if type(block) is dict and block.get("type") == "compaction" and block.get("content")
    ]


def _edit(management: Any) -> JsonObject | None:
    edits = objects_of(object_of(management).get("edits"))
    return next((e for e in edits if text_of(e.get("type")).startswith(_EDIT)), None)


def _trigger(edit: JsonObject) -> int:
    return int_of(object_of(edit.get("trigger")).get("value")) or _USUAL
