"""Errors in Cohere's shape."""

from switchyard.wire.formats.cohere import CohereChat
from switchyard.wire.model.errors import ApiError

HERE = CohereChat()


def test_an_error_is_one_message() -> None:
    status, body = HERE.write_error(ApiError(message="Too many.", kind="rate_limit"))
    assert status == 429 and body == {"message": "Too many."}
    found = HERE.find_error(body)
    assert found is not None and found.message == "Too many."


def test_attempts_are_told() -> None:
    tried = {"provider": "p", "status": 500}
    _, body = HERE.write_error(ApiError(message="None answered.", attempts=(tried,)))
    assert body["switchyard"] == {"attempts": [tried]}


def test_an_answer_is_no_error() -> None:
    assert HERE.find_error({"id": "1", "message": {"role": "assistant", "content": []}}) is None
