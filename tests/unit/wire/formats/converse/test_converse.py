"""What the format `converse` says of itself, its errors and its proofs."""

import pytest

from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.registry import FORMATS
from switchyard.wire.registry import PROVIDER_FORMATS

SERVICE = PROVIDER_FORMATS["converse"]


def test_providers_alone_speak_it() -> None:
    assert SERVICE.name not in {*CLIENT_FORMATS, *FORMATS}


def test_path_says_model_and_stream() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    assert SERVICE.path(arn, True) == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
        "application-inference-profile%2Fabc/converse-stream"
    )
    assert SERVICE.path("amazon.nova-lite-v1:0", False) == "/model/amazon.nova-lite-v1%3A0/converse"
    body = {"messages": []}
    assert SERVICE.with_model(body, "m") is body and SERVICE.with_stream(body, True) is body
    assert SERVICE.with_stream(SERVICE.with_model({"model": "m", "stream": True}, "m"), True) == {}


def test_what_is_no_request_and_no_answer() -> None:
    with pytest.raises(BadRequest):
        SERVICE.read_request({"system": []})
    with pytest.raises(BadReply):
        SERVICE.read_reply({"completion": "Hi."})
