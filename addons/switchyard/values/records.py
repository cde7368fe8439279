"""Immutable values that are made many times for each request.

A frozen dataclass sets each member by a call of its own, and `dataclasses.replace` looks at every
field's description: together they were a tenth of what a translated request executed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any
from typing import dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record[T](*, kw_only: bool = False) -> Callable[[type[T]], type[T]]:
    """A frozen dataclass with slots, of which the type checker alone sees that nobody sets members.

    It compares, and has a hash, by its members.
    """
    return dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)


def altered[T](value: T, **members: Any) -> T:
    """Returns a copy of a dataclass's object with other members, as `dataclasses.replace` does.

    Raises TypeError for a member that its class does not take.
    """
    kind = type(value)
    names, members_of = _members(kind)
    return kind(**(dict(zip(names, members_of(value), strict=True)) | members))


@lru_cache(512)
def _members(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The members that a class takes, and how to read them all at once."""
    names = tuple(one.name for one in fields(kind) if one.init)
    if len(names) > 1:
        return names, attrgetter(*names)
    return names, lambda value: tuple(getattr(value, name) for name in names)
