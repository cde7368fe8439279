"""Errors of the Responses API: found in what a provider sends, and written."""

import pytest

from switchyard.wire.model.errors import ApiError
from tests.unit.wire.formats.openai_responses.reply_support import ANSWERS
from tests.unit.wire.formats.openai_responses.reply_support import FORMAT
from tests.unit.wire.formats.openai_responses.reply_support import response

ERRORS = [
    (
        {
            "error": {
                "message": "bad",
                "type": "invalid_request_error",
                "param": "input",
                "code": None,
            }
        },
        "bad",
        "invalid_request",
    ),
    (
        {"type": "error", "message": "slow", "code": "rate_limit_exceeded", "param": None},
        "slow",
        "rate_limit",
    ),
    ({"type": "error", "error": {"type": "server_error", "message": "oops"}}, "oops", "server"),
    (
        response(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}),
        "slow",
        "rate_limit",
    ),
    (
        {
            "type": "response.failed",
            "response": response(
                status="failed", error={"code": "server_error", "message": "oops"}
            ),
        },
        "oops",
        "server",
    ),
    ({"detail": "Not found"}, "Not found", "server"),
    ({"object": "error", "message": "no model", "code": 404}, "no model", "not_found"),
]


@pytest.mark.parametrize(("body", "words", "kind"), ERRORS)
def test_errors_are_found(body, words, kind):
    error = FORMAT.find_error(body)
    assert error is not None
    assert (error.message, error.kind, error.format) == (words, kind, "openai-responses")


def test_a_response_that_failed_without_saying_why_is_an_error():
    error = FORMAT.find_error({"type": "response.failed", "response": None})
    assert error is not None and "failed" in error.message


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_no_error(name):
    assert FORMAT.find_error(ANSWERS[name]) is None


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": "error", "message": "x"},
        {"type": "response.mcp_call.failed", "error": {"message": "x"}},
        {"type": "keepalive"},
    ],
)
def test_an_event_is_no_error(event):
    assert FORMAT.find_error(event) is None


def test_an_error_of_the_format_is_told_as_it_was():
    raw = {"error": {"message": "bad", "type": "odd_error", "param": "x", "code": "y", "z": 1}}
    error = FORMAT.find_error(raw)
    assert error is not None
    assert FORMAT.write_error(error)[1] == raw


def test_an_error_of_another_format_is_told_in_this_ones_words():
    error = ApiError(
        message="busy",
        kind="rate_limit",
        format="anthropic",
        raw={"type": "error"},
        attempts=({"provider": "p", "status": 429},),
    )
    status, body = FORMAT.write_error(error)
    assert status == 429
    assert body["error"]["message"] == "busy"
    assert body["error"]["switchyard"]["attempts"] == [{"provider": "p", "status": 429}]
    assert "type" not in body
