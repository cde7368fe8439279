"""Renders blocks that only this API has as text, for other formats.

Source: API reference, "Messages"; the SDK's `BetaContentBlockParam`.
"""

from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.shared.words import called
from switchyard.wire.shared.words import source
from switchyard.wire.shared.words import words_of

SYSTEM_BLOCK = "mid_conv_system"
"""Type of a block that holds an instruction, at any position (the SDK's
`BetaMidConversationSystemBlockParam`)."""

_WORDLESS = ("container_upload", "fallback", "redacted_thinking", "thinking", "mcp_tool_listing")


def block_words(block: JsonObject) -> str | None:
    """Returns the text of a block in a request, or None if it has no readable text.

    Changes of the tools (`tool_addition`, `tool_removal`) have none, because they apply to the
    tools.
    """
    match block:
        case {"type": kind} if kind in _WORDLESS or kind in ("tool_addition", "tool_removal"):
            return None
        case {"type": kind, "content": list(content)} if kind == SYSTEM_BLOCK:
            return joined(content) or None
        case {"type": "search_result", "content": list(content)}:
            return source(block.get("title"), block.get("source"), joined(content))
        case {"type": "compaction", "content": str(content)}:
            return content
        case {"type": "compaction"}:
            return None
        case {"type": "tool_reference", "tool_name": str(name)}:
            return name
        case {"type": "server_tool_use" | "mcp_tool_use", "name": str(name)}:
            given = block.get("input")
            return called(name, given) if given else None
        case {"type": "web_search_tool_result", "content": list(content)}:
            found = (source(one.get("title"), one.get("url")) for one in objects_of(content))
            return "\n".join(found) or None
    return words_of(block)


def joined(content: str | list[Any]) -> str:
    """Returns the text of a string or of a list of blocks."""
    if isinstance(content, str):
        return content
    return "\n".join(
        b["text"] for b in content if isinstance(b, dict) and isinstance(b.get("text"), str)
    )
