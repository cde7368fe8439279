"""Finds which items of two lists are the same one, though it moved or changed."""

from collections.abc import Mapping
from collections.abc import Sequence

_IDENTITIES = (
    *("name", "preset", "builtin", "id", "key", "key-hash", "api-key", "pattern", "provider"),
    "host",
)
"""Members that name an item, in the order in which they are looked at."""


def same(one: object, other: object) -> bool:
    """Whether two values are equal and of the same types throughout: true is not 1."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def matched(old: Sequence[object], new: Sequence[object]) -> list[int | None]:
    """Returns, for each new item, the index of the old one that it is; None for an added one."""
    free = dict(enumerate(old))
    found: list[int | None] = [None] * len(new)
    for place, (one, item) in enumerate(zip(old, new, strict=False)):
        if same(one, item):
            found[place] = place
            del free[place]
    for fits in (same, _same_identity):
        for place, item in enumerate(new):
            if found[place] is None:
                found[place] = next((at for at, one in free.items() if fits(one, item)), None)
                free.pop(found[place], None)  # type: ignore[arg-type]
    if len(old) == len(new):
        # What stands in the same place is the same one, renamed.
        for place in range(len(new)):
            if found[place] is None and place in free:
                found[place] = place
                del free[place]
    return found


def _same_identity(one: object, other: object) -> bool:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return False
    name = next((name for name in _IDENTITIES if name in one), None)
    return name is not None and name in other and same(one[name], other[name])
