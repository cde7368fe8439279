"""Reads and writes compaction in the Responses API.

Sources: OpenAI's guide "Compaction"; API reference, "Compact a response"; Codex'
`compact_remote_v2.rs`, which ends its input with a `compaction_trigger` and takes exactly one
`compaction` item for an answer.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import text_of
from switchyard.wire.encoding.members import whole_of
from switchyard.wire.format import Asked
from switchyard.wire.format import Compaction
from switchyard.wire.formats.openai_responses.names import NAME
from switchyard.wire.formats.openai_responses.names import objects_of
from switchyard.wire.formats.openai_responses.stream_writer import write_reply
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.compaction import KINDS
from switchyard.wire.shared.compaction import TRIGGER
from switchyard.wire.shared.compaction import open_summary
from switchyard.wire.shared.compaction import seal_summary
from switchyard.wire.shared.envelope import is_sealed


def find_compaction(body: JsonObject) -> Compaction | None:
    """Returns a request's compaction settings and items; None if it has none.

    Raises BadRequest if the router made an item that it can no longer open.
    """
    items = body.get("input")
    if type(items) is not list:
        items = []
    held = [
        item
        for item in items
        if type(item) is dict
        and text_of(item.get("type")) in KINDS
        and item.get("encrypted_content")
    ]
    now = bool(items) and type(items[-1]) is dict and items[-1].get("type") == TRIGGER
    threshold = _threshold(body.get("context_management"))
    if not held and not now and threshold is None:
        return None
    ours = [is_sealed(item["encrypted_content"]) for item in held]
    for item, sealed in zip(held, ours, strict=True):
        if sealed and open_summary(item["encrypted_content"]) is None:
            raise BadRequest(
                "A compaction item in 'input' is damaged: its encrypted_content cannot be opened. "
                "Send the conversation that it stood for.",
                "input",
            )
    return Compaction(
        now=now,
        threshold=threshold,
        held=bool(held),
        ours=any(ours),
        closed="" if not ours or ours[-1] else str(held[-1]["encrypted_content"]),
    )


def summary_item(text: str, id: str) -> Opaque:
    """Returns the item that a client receives for a summary.

    `id` is a new one, without its prefix.
    """
    item = {"id": f"cmp_{id}", "type": "compaction", "encrypted_content": seal_summary(text)}
    return Opaque(format=NAME, kind="compaction", raw=item)


def write_compacted(reply: Reply, asked: Asked) -> JsonObject:
    """Returns the response body of the endpoint `/responses/compact`."""
    response = write_reply(reply, asked)
    return {
        "id": response["id"],
        "object": "response.compaction",
        "created_at": response["created_at"],
        "output": response["output"],
        "usage": response["usage"],
    }


def _threshold(entries: Any) -> int | None:
    """Returns the lowest token threshold at which the client wants compaction."""
    found = [
        whole_of(entry.get("compact_threshold")) or 0
        for entry in objects_of(entries)
        if entry.get("type") == "compaction"
    ]
    return min(found) if found else None
