"""Which options each report of usage has a use for, of the command and over HTTP.

Any other is refused: who gave it would take the report for an answer to it.
"""

SELECTIONS = {
    "key": "client_key",
    "project": "project",
    "tool": "tool",
    "provider": "provider",
    "model": "model",
    "session": "session",
}
"""Options that select requests, and the dimensions they stand for."""

DAYS = ("since", "until", "tz")
"""Options that say which days a report is of, and in which time zone."""

OPTIONS = (*SELECTIONS, *DAYS)

_TAKEN: dict[str, tuple[str, ...]] = {"caches": ("session", *DAYS), "quota": ()}
"""What the reports take that do not take all."""


def takes(report: str, option: str) -> bool:
    """Return whether an option changes what a report says."""
    return option in _TAKEN.get(report, OPTIONS)
