"""Caches results for names that clients and servers choose, within bounds."""

from collections.abc import Callable
from typing import Protocol

LONGEST = 64
"""Characters; longer names are not cached: regular clients send none."""

MOST = 1024
"""Names that one function remembers at most."""


class _Name(Protocol):
    """Text or bytes."""

    def __len__(self) -> int: ...

    def __hash__(self) -> int: ...


class _Known[N: _Name, V](dict[N, V]):
    """A function's values by its arguments."""

    def __init__(self, function: Callable[[N], V]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, name: N) -> V:
        value = self._function(name)
        if len(name) < LONGEST:
            if len(self) >= MOST:
                self.clear()  # who sends so many names means to fill it
            self[name] = value
        return value


def remembering[N: _Name, V](function: Callable[[N], V]) -> Callable[[N], V]:
    """A function of one name that is computed once for each name that comes often.

    Unlike `lru_cache` it keeps no long name, so that what strangers send takes no memory: at most
    64 KiB for each function. What is there costs one look into a dictionary.
    """
    return _Known(function).__getitem__
