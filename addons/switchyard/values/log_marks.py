"""Marks of log records."""

import logging
from typing import Any
from typing import Final

OF_A_REQUEST: Final[dict[str, Any]] = {"of_a_request": True}
"""`extra` of an error that one request met, and that says nothing about the process."""


def is_of_the_process(record: logging.LogRecord) -> bool:
    """Whether a record is about the process, as a filter of a handler."""
    return not getattr(record, "of_a_request", False)
