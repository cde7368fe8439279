"""Collects what a client wrote, to recognise it where an upstream quotes it."""

import re
from typing import Any

MARK = "***"
"""What stands for the client's words in a text."""

_SHORTEST = 3
"""Characters; what is shorter is found in every text."""
_LONGEST = 2000
"""Characters of a value that is looked for as a whole."""
_MOST = 50_000
"""Values of one request that are looked for."""
_MOST_VISITED = 500_000
_MOST_TEXT = 4 * 1024 * 1024
"""Characters in which longer pieces are looked for."""
_WORD = re.compile(r"[a-z]{1,16}|max_tokens")
"""Plain words: every request has some, and providers say them in their own name."""


class ClientWords:
    """The strings of one request: names and values of members, headers, the path.

    Nothing is read before the first question.
    """

    __slots__ = ("_all", "_said", "_too_many", "_values")

    def __init__(self, *parts: object) -> None:
        """Parsed JSON, or texts."""
        self._said = parts
        self._values: frozenset[str] | None = None
        self._all: str | None = None
        self._too_many = False

    def without(self, text: str) -> str:
        """Replace every value of the request that the text quotes by a mark.

        Case is ignored. The mark alone where the request has more values than can be searched.
        """
        lower = text.lower()
        values = self._known()
        if self._too_many:
            return MARK
        quoted = sorted((value for value in values if value in lower), key=len, reverse=True)
        if not quoted:
            return text
        any_of = "|".join(map(re.escape, quoted))
        return re.sub(rf"(?<!\w)(?:{any_of})(?!\w)", MARK, text, flags=re.IGNORECASE)

    def is_value(self, text: str) -> bool:
        """Whether it is a value of the request, as a whole."""
        return text.strip().lower() in self._known()

    def without_any(self, content: Any, depth: int = 6) -> Any:
        """Parsed JSON with the marks in its strings; what is nested deeper is left out."""
        if isinstance(content, str):
            return self.without(content[:_LONGEST])
        if not isinstance(content, dict | list):
            return content
        if not depth:
            return None
        if isinstance(content, list):
            return [self.without_any(item, depth - 1) for item in content[:64]]
        return {name: self.without_any(value, depth - 1) for name, value in content.items()}

    def has(self, text: str) -> bool:
        """Whether the client wrote this text, alone or within more.

        Case and white space do not count.
        """
        if self._all is None:
            self._all = _flat("\n".join(_strings(self._said))[:_MOST_TEXT])
        return _flat(text) in self._all

    def _known(self) -> frozenset[str]:
        if self._values is None:
            strings = _strings(self._said)
            self._too_many = len(strings) > _MOST_VISITED
            found: set[str] = set()
            # What is sent has most strings of what the client wrote.
            for value in dict.fromkeys(strings[:_MOST_VISITED]):
                if len(value) <= _LONGEST:
                    _add_spellings(value.strip().lower(), found)
                if len(found) > _MOST:
                    self._too_many = True
                    break
            self._values = frozenset(found)
        return self._values


class FailureText:
    """The text of a failed attempt, separated from the client's own words."""

    __slots__ = ("_client", "_text", "_without", "code", "reasons", "type")

    def __init__(
        self, text: str, type: str, code: str, reasons: tuple[str, ...], client: ClientWords | None
    ) -> None:
        self.type, self.code, self.reasons = type, code, reasons
        self._client = client
        self._text = text
        self._without = None if client is not None else text

    def text(self, locks: bool) -> str:
        """The text to judge by: all of it, without the client's words where it locks."""
        if not locks:
            return self._text
        if self._without is None:
            assert self._client is not None
            self._without = self._client.without(self._text)
        return self._without

    def is_clients(self, text: str) -> bool:
        """Whether the client wrote this part of the text."""
        return self._client is not None and self._client.has(text)


def _add_spellings(value: str, found: set[str]) -> None:
    """Adds a value as it is quoted: as it stands, and escaped as in JSON."""
    if len(value) < _SHORTEST or _WORD.fullmatch(value):
        return
    found.add(value)
    if "\\" in value or '"' in value or "\n" in value:
        found.add(value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


def _strings(content: object) -> list[str]:
    """Every string within, names of members too."""
    found: list[str] = []
    left = [content]
    while left:
        item = left.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            left.extend(item.values())
            left.extend(item)
        elif isinstance(item, list | tuple):
            left.extend(item)
    return found


def _flat(text: str) -> str:
    return " ".join(text.lower().split())
