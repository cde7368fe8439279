"""Merges what two devices made of one configuration, key by key (a three-way merge).

Mappings are merged by their keys, lists of named mappings by their names. Any other list is one
value: the order of a combo's members is part of what it means.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final
from typing import Literal

from switchyard.config.editing.matching import same
from switchyard.config.problems import KeyPath


class _Absent:
    def __repr__(self) -> str:
        return "(not there)"


ABSENT: Final = _Absent()
"""Stands for a key that is not there."""

_NAMES = ("name", "id", "preset", "pattern", "host")
"""Members that name an item of a list, in the order in which they are looked at."""


@dataclass(frozen=True, slots=True)
class KeyConflict:
    """A key that two devices changed, each in its own way. Values may be ABSENT."""

    path: KeyPath
    base: object
    mine: object
    theirs: object


type Decision = Literal["mine", "theirs", ""]
type Decide = Callable[[KeyConflict], Decision]
"""Says whose value a key in conflict takes; empty to leave that open."""


@dataclass(slots=True)
class ThreeWay:
    """A merge. Conflicts that `decide` leaves open are listed, with the value of `mine` held."""

    decide: Decide = lambda _: ""
    conflicts: list[KeyConflict] = field(default_factory=list)

    def merged(self, base: Any, mine: Any, theirs: Any, path: KeyPath = ()) -> Any:
        """Return the merged value; ABSENT for one that is gone."""
        if _equal(mine, theirs) or _equal(theirs, base):
            return mine
        if _equal(mine, base):
            return theirs
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            return self._mapping(base if isinstance(base, Mapping) else {}, mine, theirs, path)
        lists = [_named(one) for one in (base if isinstance(base, list) else [], mine, theirs)]
        if isinstance(mine, list) and (sides := _ordered(lists)) is not None:
            return list(self._mapping(sides[0], sides[1], sides[2], path).values())
        conflict = KeyConflict(path, base, mine, theirs)
        match self.decide(conflict):
            case "theirs":
                return theirs
            case "":
                self.conflicts.append(conflict)
        return mine

    def _mapping(
        self,
        base: Mapping[str, Any],
        mine: Mapping[str, Any],
        theirs: Mapping[str, Any],
        path: KeyPath,
    ) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for key in dict.fromkeys((*mine, *theirs)):
            old, own, other = (one.get(key, ABSENT) for one in (base, mine, theirs))
            if (value := self.merged(old, own, other, (*path, key))) is not ABSENT:
                merged[key] = value
        return merged


def _equal(one: object, other: object) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)


type _Named = Mapping[str, Any]


def _ordered(lists: Sequence[_Named | None]) -> tuple[_Named, _Named, _Named] | None:
    """Return base, mine and theirs with `mine` in the order that the merged list shall have.

    None if an item has no name of its own, or if both sides changed the order.
    """
    base, mine, theirs = lists
    if base is None or mine is None or theirs is None:
        return None
    if _same_order(base, theirs):
        return base, mine, theirs
    if not _same_order(base, mine):
        return None
    order = dict.fromkeys((*(name for name in theirs if name in mine), *mine))
    return base, {name: mine[name] for name in order}, theirs


def _same_order(base: _Named, changed: _Named) -> bool:
    return [one for one in base if one in changed] == [one for one in changed if one in base]


def _named(items: object) -> dict[str, Any] | None:
    """Return the items of a list by their names; None if they have none of their own."""
    if not isinstance(items, list):
        return None
    found: dict[str, Any] = {}
    for item in items:
        name = isinstance(item, Mapping) and next(
            (item[one] for one in _NAMES if one in item), None
        )
        if not isinstance(name, str) or name in found:
            return None
        found[name] = item
    return found


def changed_keys(old: Any, new: Any, path: KeyPath = ()) -> list[KeyPath]:
    """Return the paths at which two values differ, as far down as a merge looks."""
    if _equal(old, new):
        return []
    if isinstance(old, list) and isinstance(new, list):
        sides = [_named(one) for one in (old, new)]
        if None in sides or not _same_order(*sides):  # type: ignore[arg-type]
            return [path]
        old, new = sides
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return [path]
    return [
        found
        for key in dict.fromkeys((*old, *new))
        for found in changed_keys(old.get(key, ABSENT), new.get(key, ABSENT), (*path, key))
    ]
