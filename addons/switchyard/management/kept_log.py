"""Keeps the last lines of the log in memory, for the management API."""

import logging
import threading
from collections import deque

MOST_LINES = 5000


class KeptLog(logging.Handler):
    """The latest lines with their moments. Records are free of keys before they come here."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[tuple[float, str]] = deque(maxlen=MOST_LINES)
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        with self._guard:
            self._lines.append((record.created, text))

    def lines(self, after: float = 0.0) -> list[tuple[float, str]]:
        """Returns the lines after a moment (Unix seconds), oldest first."""
        with self._guard:
            return [one for one in self._lines if one[0] > after]

    def clear(self) -> int:
        """Forgets all lines; returns how many there were."""
        with self._guard:
            count = len(self._lines)
            self._lines.clear()
        return count
