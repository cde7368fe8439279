"""What the words of a refusal say of the sizes of a prompt and of a model's window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.overflow import Overflow
from switchyard.wire.model.overflow import read_overflow


@pytest.mark.parametrize(
    ("message", "tokens", "limit"),
    [
        ("prompt is too long: 213462 tokens > 200000 maximum", 213462, 200000),
        (
            "The input token count (1196265) exceeds the maximum number of tokens allowed "
            "(1048575).",
            1196265,
            1048575,
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5048 "
            "tokens (3000 in the messages, 2048 in the completion).",
            5048,
            4096,
        ),
        ("prompt token count of 131008 exceeds the limit of 128000", 131008, 128000),
        (
            "This endpoint's maximum context length is 200,000 tokens. However, you requested "
            "about 210,480 tokens (208,000 of text input, 2,480 of tool input)",
            210480,
            200000,
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
            537812,
            131072,
        ),
        (
            "request (13025 tokens) exceeds the available context size (8192 tokens), "
            "try increasing it",
            13025,
            8192,
        ),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000",
            222000,
            200000,
        ),
        ("Invalid request: Your request exceeded model token limit: 262144", None, 262144),
        ("Error code: 400 - Your input exceeds the context window of this model", None, None),
        ("(status code: 400) the input length exceeds the context length", None, None),
    ],
)
def test_the_sizes_are_read_from_the_words_of_providers(
    message: str, tokens: int | None, limit: int | None
) -> None:
    assert read_overflow(message) == Overflow(tokens, limit)


@given(st.text())
def test_any_words_can_be_read(message: str) -> None:
    said = read_overflow(message)
    assert said.pair is None or said.pair[0] > said.pair[1] or "+" in message


@given(st.integers(100, 10**7), st.integers(1, 10**6))
def test_a_prompt_is_longer_than_what_the_model_takes(limit: int, more: int) -> None:
    message = f"prompt has {limit + more} tokens, the maximum context length is {limit}"
    assert read_overflow(message) == Overflow(limit + more, limit)
