"""Compares sequences by the objects in them."""

from collections.abc import Sequence
from operator import is_


def are_same(new: Sequence[object], old: Sequence[object]) -> bool:
    """Whether two sequences hold the same objects in the same order: nothing was changed."""
    return len(new) == len(old) and all(map(is_, new, old))
