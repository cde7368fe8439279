"""Whether JSON fits a type of an SDK's request parameters: the providers' own statement of what
their API takes, members that it does not know included."""

import collections.abc
import functools
import types
from typing import Annotated
from typing import Any
from typing import Literal
from typing import NotRequired
from typing import Required
from typing import Required as OldRequired
from typing import Union
from typing import get_args
from typing import get_origin
from typing import get_type_hints
from typing import is_typeddict

from typing_extensions import is_typeddict as is_old_typeddict

_PLAIN = {str: str, int: int, bool: bool, float: (int, float)}


def faults(value: Any, hint: Any, where: str = "") -> list[str]:
    """What is wrong with `value`, each with its place; empty where it fits."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (Any, object):
        return []
    if hint is None or hint is type(None):
        return [] if value is None else [f"{where}: not null"]
    if origin in (Annotated, Required, NotRequired, OldRequired):
        return faults(value, args[0], where)
    if origin is Literal:
        return [] if value in args else [f"{where}: {value!r} is none of {args}"]
    if origin in (Union, types.UnionType):
        tried = [faults(value, arg, where) for arg in args]
        return min(tried, key=_depth)
    if is_typeddict(hint) or is_old_typeddict(hint):
        return _object_faults(value, hint, where)
    if hint in _PLAIN:
        fits = isinstance(value, _PLAIN[hint]) and (hint is bool) == isinstance(value, bool)
        return [] if fits else [f"{where}: {value!r} is no {hint.__name__}"]
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(value, dict):
            return [f"{where}: no object"]
        return [f for k, v in value.items() for f in faults(v, args[1], f"{where}.{k}")]
    if origin is not None and issubclass(origin, collections.abc.Iterable):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [f for i, v in enumerate(value) for f in faults(v, args[0], f"{where}[{i}]")]
    if getattr(hint, "_is_protocol", False) and args:  # the SDKs' `SequenceNotStr`
        return faults(value, list[args[0]], where)
    # What is left are classes that only the SDK itself makes JSON of (files, models).
    return [f"{where}: {value!r} is no {hint}"]


def _object_faults(value: Any, hint: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    hints, required = _members(hint)
    found = [f"{where}.{name}: missing" for name in required if name not in value]
    for name, member in value.items():
        if name in hints:
            found += faults(member, hints[name], f"{where}.{name}")
        else:
            found.append(f"{where}.{name}: unknown to {hint.__name__}")
    return found


@functools.cache
def _members(hint: Any) -> tuple[dict[str, Any], frozenset[str]]:
    hints = get_type_hints(hint, include_extras=True)
    required = {
        name
        for name, said in hints.items()
        if get_origin(said) in (Required, OldRequired)
        or (name in hint.__required_keys__ and get_origin(said) is not NotRequired)
    }
    return hints, frozenset(required)


def _depth(found: list[str]) -> tuple[int, int, int]:
    """Of the members of a union, the one that was meant is wrong deepest; one told apart by its
    `type` or `role` was not meant."""
    apart = sum(("type: " in f or "role: " in f) and " is none of " in f for f in found)
    deepest = max((sum(map(f.partition(": ")[0].count, ".[")) for f in found), default=0)
    return apart, -deepest if found else -1_000, len(found)
