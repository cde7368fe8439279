"""Which log records are about one request."""

import logging

import pytest

from switchyard.values.log_marks import OF_A_REQUEST
from switchyard.values.log_marks import is_of_the_process


def test_errors_of_requests_are_told_from_others(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("a").error("of a request", extra=OF_A_REQUEST)
    logging.getLogger("a").error("of a connection", extra={"client": ("127.0.0.1", 50_000)})
    logging.getLogger("tornado.general").error("of a page of mitmweb's")
    logging.getLogger("a").error("of the process")
    assert [is_of_the_process(record) for record in caplog.records] == [False, False, False, True]
