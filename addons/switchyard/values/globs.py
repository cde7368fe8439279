"""Matches model names by pattern: `*` for any characters, `?` for one, any case."""

import re
from collections.abc import Iterable


class Globs:
    """A list of patterns, compiled once. Immutable; an empty list matches nothing."""

    __slots__ = ("_match", "patterns", "without")

    def __init__(self, patterns: Iterable[str] = (), without: "Globs | None" = None) -> None:
        """Names that `without` matches are not matched."""
        self.patterns = tuple(patterns)
        self.without = without or None
        expression = "|".join(_expression(pattern) for pattern in self.patterns)
        self._match = re.compile(expression or r"(?!)", re.IGNORECASE | re.DOTALL).fullmatch

    def matches(self, name: str) -> bool:
        """Whether any pattern matches the whole name."""
        if self._match(name) is None:
            return False
        return self.without is None or not self.without.matches(name)

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Globs)
            and self.patterns == other.patterns
            and self.without == other.without
        )

    def __hash__(self) -> int:
        return hash(self.patterns)

    def __repr__(self) -> str:
        return f"Globs({list(self.patterns)!r})"


def _expression(pattern: str) -> str:
    # What stands between two stars is of fixed length: where it is found first is as good as any
    # other place, so that nothing is tried twice (atomic groups). Runs of stars are one star.
    first, *others = ("".join(map(_character, part)) for part in re.split(r"\*+", pattern))
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"


def _character(character: str) -> str:
    return "." if character == "?" else re.escape(character)
