"""What a request of the Messages API has to do with compaction."""

from typing import Any

import pytest
from anthropic.types.beta import BetaCompactionBlock

from switchyard.wire.format import Compaction
from switchyard.wire.formats.anthropic.compaction import find_compaction
from switchyard.wire.formats.anthropic.compaction import summary_block
from switchyard.wire.formats.anthropic.request_reader import read_request
from switchyard.wire.shared.compaction import open_summary

THEIRS = {"type": "compaction", "content": "A boat."}
OURS = summary_block("A boat.", "abc").raw


def said(*blocks: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": list(blocks)}], **members}


def managed(**edit: Any) -> dict[str, Any]:
    return {"edits": [{"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112", **edit}]}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (said({"type": "text", "text": "Hi"}), None),
        ({"messages": "Hi"}, None),
        ({"messages": [None, {"role": "user", "content": "Hi"}]}, None),
        (said({"type": "compaction", "content": None}), None),
        (said(THEIRS), Compaction(held=True)),
        (said(THEIRS, OURS), Compaction(held=True, ours=True)),
        (said(compaction={"type": "summarize"}), Compaction(now=True)),
        (
            said(compaction={"type": "summarize", "instructions": " Only the boat. "}),
            Compaction(now=True, instructions="Only the boat."),
        ),
        (said(compaction={"type": "other"}), None),
        (said(context_management=managed()), Compaction(threshold=150_000)),
        (
            said(
                context_management=managed(
                    trigger={"type": "input_tokens", "value": 60_000}, pause_after_compaction=True
                )
            ),
            Compaction(threshold=60_000, pauses=True),
        ),
        (said(context_management={"edits": [{"type": "clear_tool_uses_20250919"}]}), None),
        (said(context_management="auto"), None),
    ],
)
def test_what_is_found(body: dict[str, Any], found: Compaction | None) -> None:
    assert find_compaction(body) == found


def test_blocks_are_what_the_sdk_reads() -> None:
    block = BetaCompactionBlock.model_validate(OURS, strict=True)
    assert block.content == "A boat." and open_summary(block.signature) == "A boat."


def test_a_block_takes_the_tools_to_where_its_messages_left_them() -> None:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("old", "kept")]
    changes = [
        {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "old"}},
        {
            "type": "tool_addition",
            "tool": {"type": "tool_definition", "definition": {"name": "new", "input_schema": {}}},
        },
    ]
    body = said({**THEIRS, "tool_changes": changes}, model="m", max_tokens=9, tools=tools)
    forms = {tool.name: tool.form for tool in read_request(body).tools}
    assert forms == {"old": "removed", "kept": "", "new": "added"}
