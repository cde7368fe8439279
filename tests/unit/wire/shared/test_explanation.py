"""What providers say of why they refused."""

from typing import Any

import pytest

from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.shared.explanation import explanation


@pytest.mark.parametrize(
    ("reason", "details", "words"),
    [
        ("refusal", {"type": "refusal", "explanation": "cyber"}, "cyber"),
        ("refusal", {"type": "refusal", "category": "cyber", "explanation": None}, ""),
        ("content_filter", "The prompt was blocked.", "The prompt was blocked."),
        ("content_filter", {"reason": "content_filter"}, ""),
        ("end", "a finish message", ""),
        ("refusal", None, ""),
    ],
)
def test_explanations(reason: StopReason, details: Any, words: str):
    assert explanation(Stop(reason=reason, details=details)) == words


def test_what_has_no_end_explains_nothing():
    assert explanation(None) == ""
