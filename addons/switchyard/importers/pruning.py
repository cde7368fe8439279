"""Removes from new configuration data what the loader refuses, and says why."""

import re
from collections.abc import Mapping
from pathlib import Path

from switchyard.config.load import parse_config
from switchyard.config.problems import ConfigError
from switchyard.config.problems import ConfigProblem
from switchyard.config.schema import Config
from switchyard.importers.members import ImportReport
from switchyard.importers.rendering import dump

_MOST_ROUNDS = 200
_WHOLE = re.compile(
    r"(payload\.[a-z]+\[\d+\]|prices\[\d+\]|routes\[\d+\]|clients\.api-keys\[\d+\]"
    r"|providers\[\d+\]\.errors\[\d+\]|providers\[\d+\](?=\.excluded-models))"
)
"""What is removed as a whole: without one of its conditions it would hold for more than before."""


class NothingImported(ValueError):
    """No provider of the source can be used; the text says why."""


def pruned(
    data: dict[str, object], path: Path, env: Mapping[str, str], report: ImportReport
) -> Config:
    """Removes from `data` what `parse_config` refuses; returns what the rest loads to.

    Each removal is reported by its place in the new file. Raises NothingImported if no provider is
    left.
    """
    for _round in range(_MOST_ROUNDS):
        if not data.get("providers"):
            break
        try:
            return parse_config(dump(data).encode(), path, env)
        except ConfigError as error:
            _remove_first(data, error.problems, report)
    raise NothingImported("no provider of the source can be used")


def _remove_first(
    data: dict[str, object], problems: tuple[ConfigProblem, ...], report: ImportReport
) -> None:
    """Removes what the deepest problem is about: others may only follow from it."""
    problem = max(problems, key=lambda one: one.key.count(".") + one.key.count("["))
    whole = _WHOLE.match(problem.key)
    removed = _remove(data, whole[1] if whole else problem.key)
    if not removed:
        raise NothingImported(f"{problem.key}: {problem.message}")
    inner = problem.key.removeprefix(removed).lstrip(".")
    why = f"{inner} {problem.message}" if inner else problem.message
    report.leave(f"{removed} of the new file", why)


def _remove(value: object, key: str, path: str = "") -> str:
    """Removes the value at a dotted path, or the nearest thing around it; returns its path."""
    for step, name, rest in _steps(value, key):
        inner = value[step]  # pyright: ignore[reportIndexIssue]
        if rest and (removed := _remove(inner, rest, path + name)):
            if not inner:
                del value[step]  # pyright: ignore[reportIndexIssue]
            return removed
        del value[step]  # pyright: ignore[reportIndexIssue]
        return f"{path}{name}".lstrip(".")
    return ""


def _steps(value: object, key: str) -> list[tuple[str | int, str, str]]:
    """Returns the members that a dotted path may begin with, the longest name first."""
    if isinstance(value, list) and key.startswith("["):
        number, _, rest = key[1:].partition("]")
        if number.isdigit() and int(number) < len(value):
            return [(int(number), f"[{number}]", rest)]
    if isinstance(value, dict):
        bare = key.removeprefix(".")
        fitting = [name for name in value if _begins(bare, name)]
        return [
            (name, f".{name}", bare[len(name) :])
            for name in sorted(fitting, key=len, reverse=True)[:1]
        ]
    return []


def _begins(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))
