"""Families of models by their ids."""

import pytest

from switchyard.wire.formats.converse.families import family_of
from switchyard.wire.formats.converse.families import reasons_by_effort

ARN = "arn:aws:bedrock:us-east-1:123456789012:"


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("global.anthropic.claude-opus-4-7", "claude"),
        (f"{ARN}inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude"),
        ("us.amazon.nova-2-lite-v1:0", "nova"),
        ("amazon.titan-text-premier-v1:0", "other"),
        ("openai.gpt-oss-120b-1:0", "gpt-oss"),
        ("eu.mistral.pixtral-large-2502-v1:0", "mistral"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "other"),
        ("deepseek.v3-v1:0", "other"),
        (f"{ARN}application-inference-profile/a1b2c3", "other"),
    ],
)
def test_families(model: str, family: str) -> None:
    assert family_of(model) == family


def test_only_the_second_nova_thinks() -> None:
    assert reasons_by_effort("us.amazon.nova-2-lite-v1:0")
    assert not reasons_by_effort("us.amazon.nova-pro-v1:0")
