"""Rows: what they hold of a request, and that they hold no more."""

from dataclasses import fields

from switchyard.usage.records import FAILED_STATES
from switchyard.usage.records import TOKEN_CLASSES
from switchyard.usage.records import RequestRecord
from switchyard.usage.records import Tokens


def test_unknown_counts_are_not_zero() -> None:
    assert all(getattr(Tokens(), name) is None for name in TOKEN_CLASSES)


def test_a_client_that_leaves_is_no_failure_of_the_router() -> None:
    assert "client-left" not in FAILED_STATES and "complete" not in FAILED_STATES
    assert "refused" in FAILED_STATES


def test_rows_have_no_place_for_bodies_and_keys() -> None:
    names = {field.name for field in fields(RequestRecord)}
    assert not names & {"body", "request", "response", "key", "headers", "prompt"}
