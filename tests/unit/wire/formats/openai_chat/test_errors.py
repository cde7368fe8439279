"""Errors of Chat Completions: found in every shape they are given in, told in one."""

from typing import Any

import openai
import pytest

from switchyard.wire.formats.openai_chat import OpenAIChat
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import ErrorKind
from tests.unit.wire import openai_sdk

CHAT = OpenAIChat()


@pytest.mark.parametrize(
    ("body", "message", "kind", "status"),
    [
        (
            {"error": {"message": "no", "type": "invalid_request_error"}},
            "no",
            "invalid_request",
            None,
        ),
        ({"error": {"message": "no", "code": "invalid_api_key"}}, "no", "authentication", None),
        ({"error": {"message": "no", "type": "insufficient_quota"}}, "no", "billing", None),
        (
            {"error": {"message": "no", "type": "requests", "code": "rate_limit_exceeded"}},
            "no",
            "rate_limit",
            None,
        ),
        (
            {
                "error": {
                    "message": "no",
                    "type": "invalid_request_error",
                    "code": "model_not_found",
                }
            },
            "no",
            "not_found",
            None,
        ),
        (
            {"error": {"message": "no", "code": 429, "metadata": {}}, "user_id": "u"},
            "no",
            "rate_limit",
            429,
        ),
        ({"error": {"message": "no", "code": "402"}}, "no", "billing", 402),
        (
            {"error": {"message": "no", "status": 400, "code": "content_filter"}},
            "no",
            "invalid_request",
            400,
        ),
        ({"error": {"message": "no", "type": "overloaded_error"}}, "no", "overloaded", None),
        ({"error": {"message": "no", "type": "server_error"}}, "no", "server", None),
        ({"error": {"message": "no"}}, "no", "server", None),
        ({"error": "no"}, "no", "server", None),
        ({"error": "no", "status": 503}, "no", "overloaded", 503),
        ({"error": True, "message": "no"}, "no", "server", None),
        (
            {"error": {"code": 1}},
            "the provider reported an error without saying which",
            "server",
            None,
        ),
        (
            {"type": "error", "error": {"type": "not_found_error", "message": "no"}},
            "no",
            "not_found",
            None,
        ),
        ({"error": {"error": {"message": "no", "code": 401}}}, "no", "authentication", 401),
        ({"message": "no"}, "no", "server", None),
        ({"msg": "no", "code": 500}, "no", "server", 500),
        (
            {"code": "InvalidApiKey", "message": "no", "request_id": "r"},
            "no",
            "authentication",
            None,
        ),
        ({"detail": "no"}, "no", "server", None),
        ({"detail": {"message": "no", "code": 404}}, "no", "not_found", 404),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "no", "type": "int"}]},
            "n: no",
            "invalid_request",
            None,
        ),
        ({"errors": [{"message": "no", "code": 7003}], "success": False}, "no", "server", None),
        ({"errors": ["no"]}, "no", "server", None),
        ({"object": "error", "message": "no", "code": 400}, "no", "invalid_request", 400),
        ({"base_resp": {"status_code": 1004, "status_msg": "no"}}, "no", "server", None),
        (
            [{"error": {"code": 503, "message": "no", "status": "UNAVAILABLE", "details": []}}],
            "no",
            "unavailable",
            503,
        ),
        (
            {"error": {"message": "no", "status_code": 400, "code": "tool_use_failed"}},
            "no",
            "invalid_request",
            400,
        ),
        ({"choices": [{"error": {"message": "no", "code": 502}}]}, "no", "unavailable", 502),
        ({"choices": [{"finish_reason": "error"}]}, "the provider ended", "server", None),
        ({"choices": [], "error": {"message": "no", "code": 429}}, "no", "rate_limit", 429),
    ],
)
def test_shapes(body: Any, message: str, kind: ErrorKind, status: int | None) -> None:
    error = CHAT.find_error(body)
    assert error is not None
    assert error.message.startswith(message) and error.kind == kind and error.status == status


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": [{"message": {"content": "error"}, "finish_reason": "stop"}], "error": None},
        {"choices": [{"delta": {}, "error": None}], "error": {}},
        {"choices": [], "message": "done", "detail": "none"},
        {"object": "list", "data": []},
        {"base_resp": {"status_code": 0, "status_msg": "success"}},
        {"id": "x", "message": {"role": "assistant"}},
        [],
        "error",
        None,
    ],
)
def test_what_is_no_error(body: Any) -> None:
    assert CHAT.find_error(body) is None


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 20s.", 20),
        ("Please try again in 1m30.5s. Visit", 90.5),
        ("try again in 350ms", 0.35),
        ("Try again in 2h", 7200),
        ("try again later", None),
        ("try again in a minute", None),
    ],
)
def test_when_to_try_again(words: str, seconds: float | None) -> None:
    error = CHAT.find_error({"error": {"message": words}})
    assert error is not None and error.retry_after == pytest.approx(seconds)


def test_googles_word_for_when_to_try_again() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "33s"}
    body = {"error": {"code": 429, "message": "no", "details": [{}, info]}}
    error = CHAT.find_error(body)
    assert error is not None and error.retry_after == 33


def test_details() -> None:
    error = CHAT.find_error(
        {"error": {"message": "no", "type": "t", "code": 5, "param": "n"}, "request_id": "r"}
    )
    assert error is not None
    assert (error.type, error.code, error.param, error.request_id) == ("t", "5", "n", "r")
    assert error.format == "openai-chat"


@pytest.mark.parametrize(
    ("kind", "status", "type", "raised"),
    [
        ("invalid_request", 400, "invalid_request_error", openai.BadRequestError),
        ("authentication", 401, "authentication_error", openai.AuthenticationError),
        ("permission", 403, "permission_error", openai.PermissionDeniedError),
        ("billing", 402, "insufficient_quota", openai.APIStatusError),
        ("not_found", 404, "invalid_request_error", openai.NotFoundError),
        ("timeout", 408, "timeout_error", openai.APIStatusError),
        ("too_large", 413, "invalid_request_error", openai.APIStatusError),
        ("rate_limit", 429, "rate_limit_error", openai.RateLimitError),
        ("overloaded", 503, "overloaded_error", openai.InternalServerError),
        ("server", 500, "server_error", openai.InternalServerError),
        ("unavailable", 502, "server_error", openai.InternalServerError),
    ],
)
def test_told(kind: ErrorKind, status: int, type: str, raised: Any) -> None:
    said, body = CHAT.write_error(ApiError(message="no", kind=kind))
    assert said == status
    assert body["error"]["type"] == type and body["error"]["message"] == "no"
    with pytest.raises(raised, match="no"):
        openai_sdk.whole(body, status)


def test_a_model_that_is_not_there() -> None:
    _, body = CHAT.write_error(ApiError(message="no", kind="not_found", param="model"))
    assert body["error"]["code"] == "model_not_found"


def test_its_own_errors_are_told_as_they_were() -> None:
    raw = {"error": {"message": "no", "code": 429, "metadata": {"raw": "x"}}, "user_id": "u"}
    error = CHAT.find_error(raw)
    assert error is not None
    assert CHAT.write_error(error) == (429, raw)


def test_a_shape_of_its_own_that_clients_do_not_know_is_completed() -> None:
    error = CHAT.find_error({"detail": "no", "x": 1})
    assert error is not None
    _, body = CHAT.write_error(error)
    assert body["error"]["message"] == "no" and body["detail"] == "no" and body["x"] == 1


def test_what_was_tried_is_told() -> None:
    raw = {"error": {"message": "no"}}
    tried = ({"provider": "a", "status": 500},)
    error = ApiError(message="no", format="openai-chat", raw=raw, attempts=tried)
    _, body = CHAT.write_error(error)
    assert body == {"error": {"message": "no", "switchyard": {"attempts": [*tried]}}}
    assert raw == {"error": {"message": "no"}}
    foreign = ApiError(message="no", format="anthropic", raw={"type": "error"}, attempts=tried)
    _, body = CHAT.write_error(foreign)
    assert body["error"]["switchyard"] == {"attempts": [*tried]} and "type" not in body
