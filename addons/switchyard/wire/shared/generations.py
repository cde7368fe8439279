"""Distinguishes generations of models by name, for several formats."""

import re

_BEFORE_GEMINI_3 = re.compile(r"gemini-[12][.-]")


def is_before_gemini_3(model: str) -> bool:
    """Whether a model is one of Google's from before Gemini 3."""
    return _BEFORE_GEMINI_3.search(model) is not None
