import json

import pytest

from switchyard.exchange.responses import error_response
from switchyard.exchange.responses import json_response
from switchyard.wire.model.errors import ApiError
from switchyard.wire.registry import FORMATS
from tests.support.runtime import error_of


def test_a_json_answer_is_complete() -> None:
    answer = json_response(201, {"b": "ü", "a": [1]}, {"X-Extra": "yes"})
    assert answer.status_code == 201
    assert answer.content == '{"b":"ü","a":[1]}'.encode()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.content or b""))
    assert answer.headers["x-extra"] == "yes"


@pytest.mark.parametrize(
    ("format", "status", "type"),
    [
        ("openai-chat", 404, "invalid_request_error"),
        ("openai-responses", 404, "invalid_request_error"),
        ("anthropic", 404, "not_found_error"),
        ("gemini", 404, "NOT_FOUND"),
        ("ollama", 404, ""),
    ],
)
def test_an_error_is_told_in_each_formats_words(format: str, status: int, type: str) -> None:
    answer = error_response(FORMATS[format], ApiError(message="none such", kind="not_found"))
    assert error_of(answer, format, status) == (type, "none such")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (59.5, "60")]
)
def test_retry_after_is_whole_seconds_rounded_up(seconds: float, told: str) -> None:
    error = ApiError(message="later", kind="rate_limit", retry_after=seconds)
    answer = error_response(FORMATS["openai-chat"], error, {"x-other": "1"})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == told
    assert answer.headers["x-other"] == "1"


def test_text_that_is_no_utf_8_can_still_be_told() -> None:
    answer = error_response(
        FORMATS["openai-chat"], ApiError(message="at /v1/\udcff", kind="server")
    )
    assert answer.status_code == 500
    assert json.loads(answer.content or b"")["error"]["message"] == "at /v1/\udcff"
