"""What is remembered of names that clients and servers choose: no more than fits."""

from collections.abc import Callable
from functools import lru_cache
from functools import wraps

LONGEST = 64
"""Characters or bytes of a name from which on nothing is remembered of it. Real ones are shorter;
of names of any length a full cache would hold gigabytes."""


def remembered[N: (str, bytes), T](most: int) -> Callable[[Callable[[N], T]], Callable[[N], T]]:
    """As `lru_cache(most)` of a function of one name, for names below `LONGEST` alone."""

    def wrap(function: Callable[[N], T]) -> Callable[[N], T]:
        known = lru_cache(most)(function)

        @wraps(function)
        def look_up(name: N) -> T:
            return known(name) if len(name) < LONGEST else function(name)

        return look_up

    return wrap
