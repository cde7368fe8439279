"""Marks of log records."""

import logging
from typing import Any
from typing import Final

OF_A_REQUEST: Final[dict[str, Any]] = {"of_a_request": True}
"""`extra` of an error that one request met, and that says nothing about the process."""


def is_of_the_process(record: logging.LogRecord) -> bool:
    """Whether a record is about the process, as a filter of a handler.

    mitmproxy marks what it logs of a connection with its `client`. Tornado, which serves mitmweb's
    pages, logs nothing but what requests for them meet, such as a missing icon.
    """
    return not (
        hasattr(record, "of_a_request")
        or hasattr(record, "client")
        or record.name.startswith("tornado.")
    )
