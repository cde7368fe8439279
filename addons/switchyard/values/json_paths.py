"""Parses paths into JSON bodies for payload rules: names and positions with dots."""

import json
import re
from typing import Any
from typing import NamedTuple


class Where(NamedTuple):
    """The first object of a list whose member `name` has this value: `#(name=="text")`."""

    name: str
    value: Any


type Step = str | Where
"""A name, which is a position where it is a number and meets a list; or a search in a list."""

_STEP = re.compile(r'#\((?P<name>[\w-]+)==(?P<value>"[^"]*"|[^")]+)\)|(?P<plain>(?:\\.|[^.\\])+)')
_SEARCH = re.compile(r"[#|@*?]")


class PathError(ValueError):
    """A text is not a path. The message completes the sentence "the path ..."."""


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path. Raises PathError."""
    steps: list[Step] = []
    at = 0
    while True:
        found = _STEP.match(text, at)
        if found is None:
            raise PathError("has an empty step")
        steps.append(_step(found))
        at = found.end()
        if at == len(text):
            return tuple(steps)
        if text[at] != ".":
            raise PathError("has something other than a dot between two steps")
        at += 1


def _step(found: re.Match[str]) -> Step:
    plain = found["plain"]
    if plain is None:
        try:
            return Where(found["name"], json.loads(found["value"]))
        except ValueError:
            raise PathError("compares with something that is not a JSON value") from None
    if _SEARCH.search(re.sub(r"\\.", "", plain)):
        raise PathError('uses an unknown search; write #(name=="text")')
    return re.sub(r"\\(.)", r"\1", plain)
