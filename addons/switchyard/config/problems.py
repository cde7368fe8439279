"""Describes problems of a configuration file so that its author can fix them."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

type KeyPath = tuple[str | int, ...]
"""Where a value stands in the file: keys of mappings and positions in lists, from the top."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong (or, as a notice, worth knowing) at one place of a file."""

    file: str
    line: int | None
    """Counted from 1; None for what concerns the file as a whole."""
    key: str
    """Dotted path of the key, as `providers[0].base-url`; empty for the file as a whole."""
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}: {text}. Hint: {self.hint}." if self.hint else f"{place}: {text}."


class ConfigError(ValueError):
    """A configuration cannot be used. The text has one line for each problem found.

    No key, header value or other secret is ever part of it.
    """

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=_place))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: KeyPath) -> str:
    """`("providers", 0, "base-url")` as `providers[0].base-url`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def nearest(word: str, words: Iterable[str], count: int = 1, likeness: float = 0.6) -> list[str]:
    """Return the words most like the given one, best first; none if none is near.

    `likeness` ranges from 0, which every word meets, to 1, which only an equal word meets.
    """
    choices = list(words)
    by_lower = {choice.lower(): choice for choice in reversed(choices)}
    found = difflib.get_close_matches(word.lower(), by_lower, n=count, cutoff=likeness)
    return [by_lower[match] for match in found]


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """A hint naming the nearest of the words, or all of them where none is near."""
    choices = list(dict.fromkeys(words))
    if near := nearest(word, choices):
        return f"did you mean {near[0]!r}"
    return f"one of {', '.join(choices)}" if choices else ""


def _place(problem: ConfigProblem) -> tuple[str, int, str]:
    return problem.file, problem.line or 0, problem.key
