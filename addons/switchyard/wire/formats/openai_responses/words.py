"""Describes items and parts that only this API knows, as text for other formats.

Source: API reference, "Responses": the items of tools that run at the provider.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.shared.compaction import KINDS
from switchyard.wire.shared.compaction import TRIGGER
from switchyard.wire.shared.compaction import open_summary
from switchyard.wire.shared.words import called
from switchyard.wire.shared.words import object_in
from switchyard.wire.shared.words import source
from switchyard.wire.shared.words import words_of

_WORDLESS = (
    *("item_reference", "reasoning", TRIGGER, "mcp_list_tools"),
    *("additional_tools", "configuration_update"),
)


def item_words(item: JsonObject) -> str | None:
    """Returns the text of an item or part in a request; None if it has none."""
    kind = text_of(item.get("type"))
    if not kind or kind in _WORDLESS:
        return None
    if kind in KINDS:
        return open_summary(item.get("encrypted_content"))
    match kind:
        case "web_search_call":
            return _search(object_in(item, "action"))
        case "file_search_call":
            found = objects_of(item.get("results"))
            texts = (source(one.get("filename"), None, one.get("text")) for one in found)
            return called("file_search", item.get("queries") or [], *texts)
        case "code_interpreter_call":
            return called("code_interpreter", item.get("code") or "", words_of(item.get("outputs")))
        case "mcp_call":
            outcome = words_of(item.get("output")) or words_of(item.get("error"))
            return called(text_of(item.get("name")), item.get("arguments") or "{}", outcome)
        case "image_generation_call":
            words = text_of(item.get("revised_prompt"))
            return called("image_generation", words) if words else None
        case "tool_search_call":
            return called("tool_search", item.get("arguments") or {})
        case "tool_search_output":
            names = [text_of(tool.get("name")) for tool in objects_of(item.get("tools"))]
            return "\n".join(filter(None, names)) or None
    return words_of(item)


def _search(action: JsonObject) -> str | None:
    """Returns the text of a search, or of a page that was opened or searched."""
    found = [source(None, one.get("url")) for one in objects_of(action.get("sources"))]
    asked = action.get("queries") or action.get("query") or action.get("url") or ""
    asked = asked if isinstance(asked, list) else [asked]
    pattern = text_of(action.get("pattern"))
    said = ", ".join(one for one in [*asked, pattern] if isinstance(one, str) and one)
    return called("web_search", said, *found) if said or found else None
