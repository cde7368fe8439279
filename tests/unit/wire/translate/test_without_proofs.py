"""Requests for a second attempt, of every format."""

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.registry import CLIENT_FORMATS
from switchyard.wire.translate.without_proofs import without_proofs

HISTORIES = {
    "anthropic": {
        "messages": [
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "PROOF"},
                    {"type": "redacted_thinking", "data": "PROOF"},
                    {"type": "text", "text": "a"},
                ],
            },
        ]
    },
    "openai-chat": {
        "messages": [
            {
                "role": "assistant",
                "content": "a",
                "reasoning_details": [{"type": "reasoning.encrypted", "data": "PROOF"}],
                "extra_content": {"google": {"thought_signature": "PROOF"}},
            }
        ]
    },
    "openai-responses": {
        "input": [
            {"type": "reasoning", "id": "rs_PROOF", "encrypted_content": "PROOF", "summary": []},
            {"role": "assistant", "id": "msg_PROOF", "content": "a"},
        ]
    },
    "gemini": {
        "contents": [{"role": "model", "parts": [{"text": "a", "thoughtSignature": "PROOF"}]}]
    },
    "gemini-code-assist": {
        "request": {
            "contents": [{"role": "model", "parts": [{"text": "a", "thoughtSignature": "PROOF"}]}]
        }
    },
}


@pytest.mark.parametrize("format", HISTORIES)
def test_no_proof_is_left_and_all_words_are(format: str) -> None:
    body = HISTORIES[format]
    before = dumps(body)
    marks = CLIENT_FORMATS[format].proof_marks
    assert any(mark in before for mark in marks)
    written = dumps(without_proofs(body, format))
    assert b"PROOF" not in written
    assert b'"a"' in written
    assert dumps(body) == before


@pytest.mark.parametrize("format", [*CLIENT_FORMATS, "unknown"])
def test_a_request_without_proofs_is_the_same_object(format: str) -> None:
    body = {"messages": [{"role": "user", "content": "go"}], "input": "go", "contents": []}
    assert without_proofs(body, format) is body
