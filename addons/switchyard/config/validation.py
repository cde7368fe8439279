"""Checks the data of a file against the schema; words problems as the file does."""

import re
from collections.abc import Mapping
from typing import get_args
from typing import get_origin

from pydantic import BaseModel
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from switchyard.config.credentials import SOURCE_TAG
from switchyard.config.credentials import TEXT_TAG
from switchyard.config.problems import KeyPath
from switchyard.config.problems import did_you_mean
from switchyard.config.provider import Provider
from switchyard.config.schema import Config
from switchyard.config.yaml_source import Document

_LONGEST_QUOTE = 60
_NO_STEPS = ("[key]", TEXT_TAG, SOURCE_TAG)
"""What pydantic names as part of a place though it is nothing in the file."""

_WRONG_TYPE = {
    "string_type": ("must be text", "put quotes around it"),
    "int_type": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_from_float": ("must be a whole number", ""),
    "float_type": ("must be a number", ""),
    "float_parsing": ("must be a number", ""),
    "bool_type": ("must be true or false", ""),
    "bool_parsing": ("must be true or false", ""),
    "tuple_type": ("must be a list", "write each item on a line of its own, after a dash"),
    "dict_type": ("must be a mapping of keys to values", "write each as key: value"),
    "mapping_type": ("must be a mapping of keys to values", "write each as key: value"),
    "model_type": ("must be a mapping of keys to values", "write each as key: value"),
    "model_attributes_type": ("must be a mapping of keys to values", "write each as key: value"),
    "missing": ("is required", ""),
    "too_short": ("needs at least one entry", ""),
}


_PORT = "start with --port 9000, or set SWITCHYARD_PORT"
_HOST = "start with --host 127.0.0.1, or set SWITCHYARD_HOST"
_OPTIONS = {
    "port": _PORT,
    "listen-port": _PORT,
    "host": _HOST,
    "listen-host": _HOST,
    "bind": _HOST,
    "address": _HOST,
    "listen": "start with --host 127.0.0.1 --port 9000, or set SWITCHYARD_HOST and SWITCHYARD_PORT",
    "workers": "start with --workers 2",
    "log-format": "start with --log-format json",
}
"""What the start decides though many a configuration of a server has it, with the remedy."""


def validated[T: BaseModel](document: Document, whole: type[T] = Config) -> T | None:
    """Return the document as a `whole`; None, with problems added, if invalid."""
    try:
        return whole.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path: KeyPath = tuple(step for step in detail["loc"] if step not in _NO_STEPS)
        if _is_consequence(detail, document, path):
            continue
        message, hint = _explain(detail, document, path, whole)
        within: KeyPath = detail.get("ctx", {}).get("at", ())
        document.problem((*path, *within), message, hint)
    return None


def _is_consequence(detail: ErrorDetails, document: Document, path: KeyPath) -> bool:
    """Whether a detail only repeats another problem.

    A value with an unset variable has its own problem; a list whose every item is wrong is reported
    as empty too.
    """
    parts = {path[:length] for length in range(1, len(path) + 1)}
    if parts & document.unset.keys() or parts & document.unusable:
        return True
    if detail["type"] != "too_short":
        return False
    # A single item may be written without a list.
    mark = document.marks.get(path)
    return (*path, 0) in document.marks or bool(mark and mark.text)


def _explain(
    detail: ErrorDetails, document: Document, path: KeyPath, whole: type[BaseModel]
) -> tuple[str, str]:
    """Return the problem and its remedy; quote values only where no secret can be."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "unit":
            return f"{_quoted(document, path)}{context['said']}", str(context["hint"])
        case "plain":
            return str(context["said"]), str(context["hint"])
        case "literal_error":
            return _explain_choice(str(context["expected"]), document, path)
        case "extra_forbidden":
            if len(path) == 1 and (option := _OPTIONS.get(str(path[0]))):
                return "is an option of the start and no key of this file", option
            return "unknown key", did_you_mean(str(path[-1]), _known_keys(path[:-1], whole))
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}", ""
        case "less_than_equal":
            return f"must be at most {context['le']:g}", ""
        case kind:
            return _WRONG_TYPE.get(kind, ("is not of the right form", ""))


def _explain_choice(expected: str, document: Document, path: KeyPath) -> tuple[str, str]:
    choices = [word or number for word, number in re.findall(r"'([^']*)'|(\d+)", expected)]
    mark = document.marks.get(path) or document.marks.get(path[:-1])
    hint = did_you_mean((mark and mark.text) or "", choices)
    return f"{_quoted(document, path)}is none of {', '.join(choices)}", hint


def _quoted(document: Document, path: KeyPath) -> str:
    """The value as the file writes it, with its variables not filled in."""
    mark = document.marks.get(path) or document.marks.get(path[:-1])
    if mark is None or not mark.text or len(mark.text) > _LONGEST_QUOTE:
        return ""
    return f"{mark.text!r} "


def _known_keys(path: KeyPath, whole: type[BaseModel]) -> list[str]:
    """The keys that the mapping at a path of the file may have."""
    part: type[BaseModel] | None = whole
    steps = iter(path)
    for step in steps:
        fields = part.model_fields.values() if part else ()
        annotation = next((field.annotation for field in fields if field.alias == step), None)
        part, within = _part_in(annotation)
        # Positions in lists, and names that the user chose, lead to no other part.
        for _ in range(within):
            next(steps, None)
    keys = [field.alias or name for name, field in part.model_fields.items()] if part else []
    return ["preset", *keys] if part is Provider else keys


def _part_in(annotation: object) -> tuple[type[BaseModel] | None, int]:
    """Return the section within `tuple[Section, ...] | None` and similar types.

    Also returns how many steps of a path lead to it.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, 0
    within = int(get_origin(annotation) in (tuple, Mapping))
    for argument in get_args(annotation):
        part, deeper = _part_in(argument)
        if part:
            return part, within + deeper
    return None, 0
