"""Assembles arguments of a function call that arrive in pieces.

Source: reference, `PartialArg`; the option `streamFunctionCallArguments`. A piece names a location
in the arguments by a JSON path (RFC 9535, names and indexes only) and gives a value for it; the
next piece that names the same location may continue a text.
"""

import re
from itertools import pairwise
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import number_of
from switchyard.wire.encoding.members import objects_of
from switchyard.wire.encoding.members import text_of

MAX_INDEX = 10_000
"""Bound on an index in a path; lists are filled up to it."""

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]""")


class PartialArgs:
    """Assembles the arguments of one call."""

    def __init__(self) -> None:
        self.args: JsonObject = {}

    def add(self, pieces: Any) -> None:
        """Adds the `partialArgs` of one chunk; ignores a piece whose path is invalid."""
        for piece in objects_of(pieces):
            steps = parse_path(text_of(piece.get("jsonPath")))
            if steps:
                _put(self.args, steps, piece)


def parse_path(path: str) -> list[str | int]:
    """Returns the names and indexes of a JSON path; none if it has other selectors."""
    if not path.startswith("$"):
        return []
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or int(step[2] or 0) > MAX_INDEX:
            return []
        quoted = step[3] if step[3] is not None else step[4]
        if quoted is not None:
            steps.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            steps.append(step[1] if step[1] is not None else int(step[2]))
        at = step.end()
    return steps


def _put(args: JsonObject, steps: list[str | int], piece: JsonObject) -> None:
    node: Any = args
    for step, following in pairwise(steps):
        child = _get(node, step)
        if not isinstance(child, dict | list):
            child = [] if isinstance(following, int) else {}
            _set(node, step, child)
        node = child
    value = _value(piece)
    old = _get(node, steps[-1])
    if isinstance(value, str) and isinstance(old, str):
        value = old + value
    if value is not _NOTHING:
        _set(node, steps[-1], value)


_NOTHING: Any = object()


def _value(piece: JsonObject) -> Any:
    if isinstance(text := piece.get("stringValue"), str):
        return text
    if (number := number_of(piece.get("numberValue"))) is not None:
        return number
    if isinstance(truth := piece.get("boolValue"), bool):
        return truth
    return None if "nullValue" in piece else _NOTHING


def _get(node: Any, step: str | int) -> Any:
    if isinstance(node, dict):
        return node.get(str(step))
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return None


def _set(node: Any, step: str | int, value: Any) -> None:
    if isinstance(node, dict):
        node[str(step)] = value
    elif isinstance(node, list) and isinstance(step, int):
        node.extend([None] * (step + 1 - len(node)))
        node[step] = value
