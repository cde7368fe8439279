"""Token counts in Responses' shape."""

import pytest

from switchyard.wire.model.errors import BadReply
from switchyard.wire.operations.count_tokens import Calibration
from switchyard.wire.operations.count_tokens import Counting
from switchyard.wire.registry import FORMATS

BODY = {"model": "mine", "input": "How many tokens has this?", "instructions": "Be brief."}


def counting() -> Counting:
    return Counting(FORMATS["openai-responses"], BODY, Calibration())


def test_a_provider_is_asked_by_its_name_of_the_model() -> None:
    one = counting()
    assert one.path("openai-responses", "theirs") == "/responses/input_tokens"
    assert one.write("openai-responses", "theirs") == {**BODY, "model": "theirs"}
    assert one.read("openai-responses", {"input_tokens": 9}).body is None
    with pytest.raises(BadReply):
        one.read("openai-responses", {"tokens": 9})


def test_an_estimate_is_written_likewise() -> None:
    told = counting().estimate("theirs")
    assert told["object"] == "response.input_tokens"
    assert 5 < told["input_tokens"] < 30
