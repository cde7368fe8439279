"""Errors of Ollama: found and written."""

from typing import Any

import pytest

from switchyard.wire.model.errors import ApiError
from tests.unit.wire.formats.ollama.support import OLLAMA
from tests.unit.wire.formats.ollama.support import answer


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"error": "model 'x' not found"}, "not_found", "model 'x' not found"),
        ({"error": "unauthorized"}, "authentication", "unauthorized"),
        ({"error": "server busy, please try again"}, "overloaded", None),
        ({"error": {"message": "m", "code": 429}}, "rate_limit", "m"),
        ({"error": {"message": "m", "code": "429"}}, "rate_limit", "m"),
        ([{"error": "x"}], "server", "x"),
        ({"detail": "d"}, "server", "d"),
        ({"errors": [{"msg": "e"}]}, "server", "e"),
        ({"message": "not found"}, "not_found", "not found"),
    ],
)
def test_errors_are_found(body: Any, kind: str, message: str | None):
    error = OLLAMA.find_error(body)
    assert error and error.kind == kind
    assert message is None or error.message == message


def test_answers_are_no_errors():
    for body in (
        answer({"content": "x"}),
        {"response": "x", "error": ""},
        {"models": []},
        {},
        3,
        [],
    ):
        assert OLLAMA.find_error(body) is None  # type: ignore[arg-type]


def test_errors_are_written():
    error = ApiError(message="slow", kind="rate_limit", attempts=({"provider": "p"},))
    assert OLLAMA.write_error(error) == (
        429,
        {"error": "slow", "switchyard": {"attempts": [{"provider": "p"}]}},
    )
    body = {"error": "gone", "more": 1}
    found = OLLAMA.find_error(body)
    assert found and OLLAMA.write_error(found) == (500, body)
