"""Bounds how many values a label has: each one is a series that Prometheus keeps for weeks."""

from collections import defaultdict

MOST_VALUES = 200
OTHER = "other"
"""What all further values become."""


class LabelValues:
    """Remembers the first values of each label."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self._known: defaultdict[str, dict[str, str]] = defaultdict(dict)

    def of(self, label: str, value: str | None) -> str:
        """Return the value that a label gets; an empty one is Prometheus' word for none."""
        if not value:
            return ""
        known = self._known[label]
        found = known.get(value)
        if found is not None:
            return found
        if len(known) >= self._most:
            return OTHER
        known[value] = value
        return value
