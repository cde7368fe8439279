"""Renders parts that only Gemini has as text, for other formats.

Source: reference, `Part`.
"""

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import text_of
from switchyard.wire.shared.words import called
from switchyard.wire.shared.words import words_of


def part_words(raw: JsonObject) -> str | None:
    """Returns the text of a part in a request; None if it has no readable text."""
    if code := text_of(object_of(raw.get("executableCode")).get("code")):
        return called("code_execution", code)
    if call := object_of(raw.get("toolCall")):
        return called(text_of(call.get("toolType")).lower(), call.get("args") or {})
    if raw.get("thought") is True or "fileData" in raw or "inlineData" in raw:
        return None
    return words_of({k: v for k, v in raw.items() if k != "thought"})
