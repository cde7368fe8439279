"""Errors in the words of AWS' services."""

from typing import Any

import pytest

from switchyard.wire.shared.aws_errors import error_finder

FIND = error_finder("f", {"FULL": "overloaded"})


@pytest.mark.parametrize(
    ("body", "kind", "type", "code"),
    [
        ({"__type": "com.amazon#ThrottlingException:http://x", "message": "m"},
         "rate_limit", "ThrottlingException", None),
        ({"__type": "ThrottlingException", "message": "m", "reason": "FULL"},
         "overloaded", "ThrottlingException", "FULL"),
        ({"Message": "m"}, "server", None, None),
        ([{"message": "m"}], "server", None, None),
        ({"type": "error", "error": {"type": "timeout_error", "message": "m", "code": "C"}},
         "timeout", "timeout_error", "C"),
    ],
)  # fmt: skip
def test_errors(body: Any, kind: str, type: str | None, code: str | None) -> None:
    error = FIND(body)
    assert error is not None and error.format == "f"
    assert (error.message, error.kind, error.type, error.code) == ("m", kind, type, code)


@pytest.mark.parametrize("body", [{}, [], None, {"output": {}}, {"message": {"role": "user"}}])
def test_what_is_no_error(body: Any) -> None:
    assert FIND(body) is None
