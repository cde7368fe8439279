"""What the parts say that only Gemini knows, for other formats (reference, `Part`)."""

from addons.wire.jsonio import JsonObject
from addons.wire.members import object_of
from addons.wire.members import text_of
from addons.wire.words import called
from addons.wire.words import words_of


def part_words(raw: JsonObject) -> str | None:
    """The words of a part in a request; None where there are none to read."""
    if code := text_of(object_of(raw.get("executableCode")).get("code")):
        return called("code_execution", code)
    if call := object_of(raw.get("toolCall")):
        return called(text_of(call.get("toolType")).lower(), call.get("args") or {})
    if raw.get("thought") is True or "fileData" in raw or "inlineData" in raw:
        return None
    return words_of({k: v for k, v in raw.items() if k != "thought"})
