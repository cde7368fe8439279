"""Prompt caches that broke as a table for a terminal, wide or narrow."""

from collections.abc import Sequence

from switchyard.usage.cache_breaks import CacheBreak
from switchyard.usage.tables import count
from switchyard.usage.tables import cut
from switchyard.usage.tables import table

_WHOLE = 60
"""Columns of a terminal below which the number of requests is left out."""
_LEAST_SESSION = 8
"""Columns that a session keeps where what changed takes the rest: enough to tell sessions apart."""
_LEAST_NAMES = 24
"""Columns for a session and what changed that the narrowest terminal gives them."""


def break_table(breaks: Sequence[CacheBreak], width: int) -> str:
    """Return breaks as lines of about `width` columns, the session before what changed."""
    is_narrow = width < _WHOLE
    titles = [*([] if is_narrow else ["Requests"]), "Not cached"]
    figures = [[*([] if is_narrow else [count(one.requests)]), count(one.tokens)] for one in breaks]
    taken = sum(2 + max(map(len, column)) for column in zip(titles, *figures, strict=True))
    left = max(width - taken, _LEAST_NAMES) - 2
    widest = max(len(one.verdict) for one in breaks)
    session = max(left - widest, left // 3, _LEAST_SESSION)
    session = min(session, max(len(one.session) for one in breaks))
    rows = [
        [cut(one.session, session), cut(one.verdict, left - session), *cells]
        for one, cells in zip(breaks, figures, strict=True)
    ]
    return table(["Session", "What changed", *titles], rows)
