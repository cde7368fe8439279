"""Token counts as `input_tokens`."""

import pytest

from switchyard.wire.model.errors import BadReply
from switchyard.wire.registry import FORMATS


@pytest.mark.parametrize(
    ("format", "path", "reply"),
    [
        ("anthropic", "/messages/count_tokens", {"input_tokens": 7}),
        (
            "openai-responses",
            "/responses/input_tokens",
            {"object": "response.input_tokens", "input_tokens": 7},
        ),
    ],
)
def test_a_count(format: str, path: str, reply: dict[str, object]) -> None:
    counting = FORMATS[format].counting
    assert counting is not None
    assert counting.path("m") == path
    assert counting.write_reply(7) == reply
    counting.check(reply)
    body = {"model": "m"}
    assert counting.write(body, "m") is body
    assert counting.write(body, "n") == {"model": "n"}
    with pytest.raises(BadReply, match="input_tokens"):
        counting.check({})
