"""Adds up the tokens that models used."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Totals for one provider and model since the start."""

    requests: int = 0
    """Attempts at it."""
    failures: int = 0
    unknown: int = 0
    """Responses whose provider reported no usage."""
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
