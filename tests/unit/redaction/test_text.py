"""No key survives in text for people; ordinary words do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.redaction.text import redact

KEYS = [
    "sk-proj-abcdefgh12345678",
    "sk-ant-api03-AbCdEf_123456789",
    "sk-or-v1-0123456789abcdef0123456789abcdef",
    "sk-ab***********************wxyz",
    "AIzaSyA1234567890abcdefghijklmnop",
    "gsk_abcdefghij0123456789",
    "xai-abcdefghij0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "0123456789abcdef0123456789abcdef",
    "d41d8cd98f00b204e9800998ecf8427e0a1b2c3d",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: {}. See the docs.",
        "Bearer {}",
        '{{"api_key": "{}", "a": 1}}',
        "GET /v1beta/models?key={}&alt=sse",
        "{}",
    ],
)
def test_keys_are_taken_out(text: str, key: str):
    assert key not in redact(text.format(key))
    assert key[:12] not in redact(text.format(key))


@pytest.mark.parametrize(
    "text",
    [
        "Rate limit reached for gpt-4o-2024-08-06 in organization org-1 on tokens per min",
        "model accounts/fireworks/models/llama-v3p1-405b-instruct-long-context-1 not found",
        "The model `claude-3-5-sonnet-20241022` does not exist",
        "prompt is too long: 213462 tokens > 200000 maximum",
        "Your limit will reset at 2026-03-01 20:00:30",
        "keyboard task-force skeleton",
    ],
)
def test_ordinary_text_stays(text: str):
    assert redact(text) == text


@given(before=st.text("ab c\n", max_size=800), key=st.sampled_from(KEYS))
def test_a_cut_leaves_no_half_of_a_key(before: str, key: str):
    line = redact(f"{before} {key}", longest=100)
    assert len(line) <= 100
    assert "\n" not in line
    assert key[:9] not in line
