"""Writes values as YAML, to stand in a text that people wrote."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.comments import CommentedSeq

_WIDE = 1_000_000
"""Columns; no line is broken."""


def render_flow(value: object) -> str:
    """Returns a value on one line, fit for any place."""
    # Within a mapping, since a list would leave the braces of a single pair out.
    text = _dumped(_styled({"x": value}, flow=True)).strip()
    return text[len("{x: ") : -1]


def render_block(value: object, column: int) -> str:
    """Returns a value as lines that begin at a column, but for the first; without a line end."""
    if _is_plain(value):
        return render_flow(value)
    text = _dumped(_styled(value, flow=False)).rstrip("\n")
    lead = " " * column
    return "\n".join(
        lead + line if number and line else line for number, line in enumerate(text.split("\n"))
    )


def render_entry(key: str, value: object, column: int) -> str:
    """Returns an entry of a mapping as lines that begin at a column, but for the first."""
    text = _dumped(_styled({key: value}, flow=False)).rstrip("\n")
    lead = " " * column
    return "\n".join(
        lead + line if number and line else line for number, line in enumerate(text.split("\n"))
    )


def _is_plain(value: object) -> bool:
    """Whether a value takes one line: a scalar, or a list of short scalars."""
    if isinstance(value, Mapping):
        return not value
    if isinstance(value, list):
        return all(not isinstance(one, Mapping | list) for one in value) and len(str(value)) < 90
    return True


def _styled(value: object, flow: bool) -> Any:
    if isinstance(value, Mapping):
        mapping = CommentedMap()
        inner = flow or _is_plain(value)
        for key, one in value.items():
            mapping[key] = _styled(one, inner or (isinstance(one, list) and _is_plain(one)))
        if inner:
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list):
        sequence = CommentedSeq(_styled(one, flow or _is_plain(value)) for one in value)
        if flow or _is_plain(value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def _dumped(value: object) -> str:
    yaml = YAML()
    yaml.width = _WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue().removesuffix("...\n")
