"""Settings of requests of all formats, as the conventions name them."""

from typing import Any

import pytest

from switchyard.tracing.request_settings import settings_of
from tests.support.genai_conventions import LATEST

SAME = {"max_tokens": 9, "temperature": 0.5, "top_p": 1.0, "stop_sequences": ["x"]}


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"max_tokens": 9, "temperature": 0.5, "top_p": 1, "stop": "x"}, SAME),
        ({"max_tokens": 9, "temperature": 0.5, "top_p": 1, "stop_sequences": ["x"]}, SAME),
        (
            {"generationConfig": {"maxOutputTokens": 9, "temperature": 0.5, "topP": 1,
                                  "stopSequences": ["x"]}},
            SAME,
        ),
        ({"options": {"num_predict": 9, "temperature": 0.5, "top_p": 1, "stop": ["x"]}}, SAME),
        ({"max_completion_tokens": 9, "n": 2, "seed": 7},
         {"max_tokens": 9, "choice.count": 2, "seed": 7}),
        ({"max_output_tokens": 9, "reasoning": {"effort": "low"}, "previous_response_id": "r"},
         {"max_tokens": 9, "reasoning.level": "low", "previous_response.id": "r"}),
        ({"n": 1, "top_k": 40}, {"top_k": 40}),
        ({"max_tokens": "9", "temperature": None, "top_p": True, "stop": [1], "options": 3}, {}),
        ({"reasoning_effort": "high"}, {"reasoning.level": "high"}),
    ],
)  # fmt: skip
def test_settings(body: dict[str, Any], settings: dict[str, Any]) -> None:
    found = settings_of(body)
    assert found == settings
    for name, value in found.items():
        assert type(value) is LATEST[f"gen_ai.request.{name}"]
