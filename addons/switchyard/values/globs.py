"""Matches model names by pattern: `*` for any characters, `?` for one, any case."""

import re
from collections.abc import Callable
from collections.abc import Iterable


class Globs:
    """A list of patterns, compiled once, when first used. An empty list matches nothing."""

    __slots__ = ("_match", "patterns", "without")

    def __init__(self, patterns: Iterable[str] = (), without: "Globs | None" = None) -> None:
        """Names that `without` matches are not matched."""
        self.patterns = tuple(patterns)
        self.without = without or None
        self._match: Callable[[str], re.Match[str] | None] | None = None

    def matches(self, name: str) -> bool:
        """Whether any pattern matches the whole name."""
        match = self._match or self._compiled()
        if match(name) is None:
            return False
        return self.without is None or not self.without.matches(name)

    def _compiled(self) -> Callable[[str], re.Match[str] | None]:
        expression = "|".join(_expression(pattern) for pattern in self.patterns)
        pattern = re.compile(expression or r"(?!)", re.IGNORECASE | re.DOTALL)
        self._match = pattern.fullmatch
        return pattern.fullmatch

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
