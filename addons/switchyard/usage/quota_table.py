"""Windows of keys and logins as a table for a terminal, wide or narrow."""

from collections.abc import Sequence

from switchyard.usage.forecast import Track
from switchyard.usage.statusline import countdown
from switchyard.usage.tables import table

_WHOLE = 90
"""Columns of a terminal below which the age of figures is left out, and old ones are marked."""
_LEAST_OWNER = 8
"""Columns that an owner keeps where its window's name takes the rest."""
_LEAST_NAME = 24
"""Columns for an owner and a window that the narrowest terminal gives them."""


def quota_table(tracks: Sequence[tuple[str, Track]], now: float, width: int) -> str:
    """Return windows with their owners as lines of about `width` columns."""
    is_narrow = width < _WHOLE
    titles = ["Window", "Used", "Resets in", "Empty", *([] if is_narrow else ["Seen ago"])]
    figures = [_figures(track, now, is_narrow=is_narrow) for _, track in tracks]
    columns = zip(titles[1:], *figures, strict=True)
    left = width - sum(2 + max(map(len, column)) for column in columns)
    rows = [
        [_name(owner, track.window.name, max(left, _LEAST_NAME)), *cells]
        for (owner, track), cells in zip(tracks, figures, strict=True)
    ]
    return table(titles, rows)


def _name(owner: str, window: str, columns: int) -> str:
    """An owner and its window; where both are too long, the owner without its middle."""
    kept = max(columns - len(window) - 2, _LEAST_OWNER)
    if len(owner) <= kept + 1:
        return f"{owner} {window}"
    head = kept // 2
    return f"{owner[:head]}\u2026{owner[head - kept :]} {window}"


def _figures(track: Track, now: float, *, is_narrow: bool) -> list[str]:
    window, forecast = track.window, track.forecast(now)
    resets = "" if window.resets_at is None else countdown(window.resets_at - now)
    empty = "" if forecast.empty_at is None else f"in {countdown(forecast.empty_at - now)}"
    old = " (old)" if track.is_old(now) else ""
    cells = [
        _used(track, now) + (old if is_narrow else ""),
        "over" if track.is_over(now) else resets,
        f"{empty}{'' if forecast.sure else ' (a guess)'}" if empty else forecast.kind,
    ]
    return cells if is_narrow else [*cells, f"{countdown(now - window.seen_at)}{old}"]


def _used(track: Track, now: float) -> str:
    """The share of a window, or what its provider says in place of one."""
    window = track.window
    if window.used is not None:
        return "?" if track.is_over(now) else f"{window.used:.0%}"
    left = f"{window.remaining} left" if window.remaining is not None else ""
    return left or window.status or "?"
