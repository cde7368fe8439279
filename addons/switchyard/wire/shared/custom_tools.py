"""Converts custom tools, whose input is free text, to functions, and back.

The function takes an object with the one member `input`. Its description contains a grammar for the
input, because a JSON schema cannot express it.
"""

import json
import re
from typing import Literal

from switchyard.values.records import altered
from switchyard.wire.encoding.jsonio import EMPTY
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.jsonio import loads_object
from switchyard.wire.model.conversation import Tool

INPUT = "input"

_PARAMETERS: JsonObject = {
    "type": "object",
    "properties": {
        INPUT: {"type": "string", "description": "The input of the tool, as plain text"}
    },
    "required": [INPUT],
    "additionalProperties": False,
}

_OPENING = re.compile(rf'\s*\{{\s*"{INPUT}"\s*:\s*"')
_PREFIX_OF_OPENING = re.compile(
    r'\s*(\{\s*("(i(n(p(u(t("(\s*(:\s*"?)?)?)?)?)?)?)?)?)?)?', re.DOTALL
)


def as_function(tool: Tool) -> Tool:
    """Returns the function that represents a custom tool; any other tool unchanged."""
    if tool.kind != "custom":
        return tool
    words = [tool.description or ""]
    grammar = tool.grammar or EMPTY
    if definition := grammar.get("definition"):
        syntax = grammar.get("syntax") or "lark"
        words.append(f"`{INPUT}` must follow this {syntax} grammar:\n{definition}")
    return altered(
        tool,
        kind="function",
        description="\n\n".join(filter(None, words)) or None,
        parameters=_PARAMETERS,
        grammar=None,
    )


def wrap_input(text: str) -> str:
    """Returns the function's arguments for an input."""
    return dumps({INPUT: text}).decode()


def unwrap_input(arguments: str) -> str:
    """Returns the input in a function's arguments.

    If the model wrote something else than the one member, returns a single text by any name, or the
    arguments unchanged.
    """
    said = loads_object(arguments)
    if not said:
        return "" if said == {} else arguments
    value = said.get(INPUT)
    if not isinstance(value, str) and len(said) == 1:
        value = next(iter(said.values()))
    return value if isinstance(value, str) else arguments


class InputStream:
    """Unwraps one call's arguments as they arrive; `feed` each piece, then `close`.

    It emits text from the moment the opening `{"input": "` is complete, and holds anything else
    back to unwrap it whole at the end.
    """

    def __init__(self) -> None:
        self._held: list[str] = []
        self._pending = ""
        self._state: Literal["opening", "inside", "other", "done"] = "opening"

    def feed(self, text: str) -> str:
        """Returns the part of the input that `text` adds."""
        if self._state == "done":
            return ""
        if self._state == "inside":
            return self._take(text)
        self._held.append(text)
        if self._state == "other":
            return ""
        said = "".join(self._held)
        if opening := _OPENING.match(said):
            self._state = "inside"
            return self._take(said[opening.end() :])
        if not _PREFIX_OF_OPENING.fullmatch(said):
            self._state = "other"
        return ""

    def close(self) -> str:
        """Returns the rest at the end of the arguments, which may be cut off."""
        said = "".join(self._held) if self._state == "other" else ""
        self._state = "done"
        return unwrap_input(said)

    def _take(self, text: str) -> str:
        """Decodes the JSON string up to its end, or to an incomplete escape."""
        text = self._pending + text
        end = _end_of_string(text)
        if end is not None:
            self._state = "done"
            return _decode(text[:end])
        cut = _complete(text)
        self._pending = text[cut:]
        return _decode(text[:cut])


def _end_of_string(text: str) -> int | None:
    """Returns the position of the closing quote."""
    at = 0
    while (at := text.find('"', at)) >= 0:
        backslashes = at - len(text[:at].rstrip("\\"))
        if backslashes % 2 == 0:
            return at
        at += 1
    return None


_UNFINISHED = re.compile(
    r"\\(u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(\\(u[0-9a-fA-F]{0,3})?)?)?\Z"
)
"""An incomplete escape, or half a surrogate pair whose other half may follow."""


def _complete(text: str) -> int:
    """Returns how much of an unfinished string can be decoded."""
    for match in _UNFINISHED.finditer(text, max(0, len(text) - 12)):
        before = text[: match.start()]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return match.start()
    return len(text)


def _decode(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        # Models write line ends into strings unescaped, which strict JSON forbids.
        return json.loads(f'"{text}"', strict=False)
    except ValueError:
        return text
