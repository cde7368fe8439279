"""What the format `codewhisperer` says of itself, and its errors."""

import pytest

from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.model_list import FoundModel
from switchyard.wire.outcome import refusal_of
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS

SERVICE = PROVIDER_FORMATS["codewhisperer"]


def test_providers_alone_speak_it() -> None:
    assert SERVICE.name not in {*CLIENT_FORMATS, *FORMATS}


def test_the_model_stands_in_the_current_message() -> None:
    asked = {"content": "Hi."}
    body = {"conversationState": {"currentMessage": {"userInputMessage": asked}}, "profileArn": "p"}
    changed = SERVICE.with_model(body, "auto")
    assert SERVICE.model_of(changed) == "auto" and SERVICE.model_of(body) is None
    assert changed["profileArn"] == "p" and asked == {"content": "Hi."}
    assert SERVICE.with_model(changed, "auto") is changed


def test_every_answer_is_a_stream() -> None:
    body = {"conversationState": {}}
    assert SERVICE.asks_stream(body, "") is True
    assert SERVICE.with_stream(body, False) is body
    assert SERVICE.headers()["accept"] == "application/vnd.amazon.eventstream"
    with pytest.raises(BadReply):
        SERVICE.read_reply({"content": "Hi."})


@pytest.mark.parametrize("body", [{}, {"conversationState": {"currentMessage": {}}}])
def test_what_is_no_request(body: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        SERVICE.read_request(body)


def test_the_list_of_models_has_pages() -> None:
    assert SERVICE.models_path() == "/ListAvailableModels?origin=CLI&maxResults=50"
    assert SERVICE.models_path("a b").endswith("&nextToken=a+b")
    limits = {"maxInputTokens": 200_000}
    listed = {"models": [{"modelId": "auto", "tokenLimits": limits}, {"modelName": "x"}, 3],
              "nextToken": "n"}  # fmt: skip
    page = SERVICE.read_models(listed)
    assert page.models == (FoundModel("auto", 200_000),) and page.next == "n"
    with pytest.raises(ValueError, match="not a list"):
        SERVICE.read_models({"data": []})


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"__type":"com.amazon.aws.codewhisperer#ValidationException",'
              b'"message":"Improperly formed request."}', "invalid_request", None),
        (403, b'{"message":"User ID is temporarily suspended","reason":"TEMPORARILY_SUSPENDED"}',
         "permission", "TEMPORARILY_SUSPENDED"),
        (429, b'{"__type":"ThrottlingException","message":"x","reason":"DAILY_REQUEST_COUNT"}',
         "rate_limit", "DAILY_REQUEST_COUNT"),
        (402, b'{"message":"limit","reason":"MONTHLY_REQUEST_COUNT"}', "billing",
         "MONTHLY_REQUEST_COUNT"),
        (401, b'{"Message":"The bearer token included in the request is invalid."}',
         "authentication", None),
    ],
)  # fmt: skip
def test_errors_of_a_status(status: int, body: bytes, kind: str, code: str | None) -> None:
    error = refusal_of(SERVICE, status, body)
    assert (error.kind, error.code) == (kind, code)


def test_a_prompt_that_is_too_long() -> None:
    body = {"message": "Input is too long.", "reason": "CONTENT_LENGTH_EXCEEDS_THRESHOLD",
            "__type": "ValidationException"}  # fmt: skip
    error = SERVICE.find_error(body)
    assert error and error.overflow is not None and error.kind == "invalid_request"


@pytest.mark.parametrize("body", [None, [], {}, {"conversationId": "c"}, "x"])
def test_what_is_no_error(body: object) -> None:
    assert SERVICE.find_error(body) is None  # type: ignore[arg-type]
