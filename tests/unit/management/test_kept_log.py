"""The last lines of the log are kept, and forgotten when asked."""

import logging

from switchyard.management import kept_log
from switchyard.management.kept_log import KeptLog


def record(text: str, at: float, level: int = logging.WARNING) -> logging.LogRecord:
    made = logging.LogRecord("x", level, "", 0, text, None, None)
    made.created = at
    return made


def test_lines_after_a_moment() -> None:
    log = KeptLog()
    for number in range(3):
        log.handle(record(f"line {number}", float(number)))
    assert [text for _, text in log.lines(0.0)] == ["warning: line 1", "warning: line 2"]
    assert log.clear() == 3
    assert log.lines() == []


def test_they_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(kept_log, "MOST_LINES", 2)
    log = KeptLog()
    for number in range(5):
        log.handle(record(str(number), number + 1.0))
    assert [text for _, text in log.lines()] == ["warning: 3", "warning: 4"]
