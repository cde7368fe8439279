"""Adapts a request to one generation of Gemini's models.

The writer targets Gemini 3 and later. Earlier models have no thinking levels, do not check thought
signatures, and accept no media inside function responses; each has its own limits of thinking
tokens (guides "Gemini thinking", "Thought signatures", "Function calling").
"""

import re
from collections.abc import Callable
from typing import Any

from switchyard.values.sequences import are_same
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.encoding.members import text_of
from switchyard.wire.formats.gemini.names import NO_SIGNATURE
from switchyard.wire.shared.effort import BUDGETS
from switchyard.wire.shared.generations import is_before_gemini_3

_NO_THINKING = re.compile(r"gemini-(1|2\.0)")
_SINCE_3 = re.compile(r"gemini-[3-9]")

type Change = Callable[[JsonObject, str], JsonObject | None]

_BUDGETS = (
    ("gemini-2.5-pro", 128, 32768),
    ("gemini-2.5-flash-lite", 512, 24576),
    ("gemini-2.5", 1, 24576),
)
"""Models with their smallest and largest budget in tokens; all but Pro also take 0, for none."""


def fit(body: JsonObject, model: str) -> JsonObject:
    """Returns `body` in the form that `model` accepts.

    Returns `body` itself if nothing has to change; never changes it.
    """
    if is_before_gemini_3(model):
        return _fit_config(_fit_contents(body), model, _thinking_before_3)
    if _SINCE_3.search(model):
        return _fit_config(body, model, _thinking_since_3)
    return body


def _fit_config(body: JsonObject, model: str, change: Change) -> JsonObject:
    config = object_of(body.get("generationConfig"))
    thinking = object_of(config.get("thinkingConfig"))
    fitted = change(thinking, model) if thinking else thinking
    if fitted is thinking:
        return body
    config = rest(config, "thinkingConfig")
    if fitted is not None:
        config = {**config, "thinkingConfig": fitted}
    return {**body, "generationConfig": config}


def _thinking_before_3(thinking: JsonObject, model: str) -> JsonObject | None:
    if _NO_THINKING.search(model):
        return None
    level, budget = text_of(thinking.get("thinkingLevel")).lower(), thinking.get("thinkingBudget")
    if level in BUDGETS:
        thinking = rest(thinking, "thinkingLevel")
        budget = BUDGETS[level]
    if not isinstance(budget, int):
        return thinking
    for name, least, most in _BUDGETS:
        if name in model:
            if budget > most or (0 < budget < least) or (budget == 0 and "pro" in name):
                budget = min(max(budget, least), most)
            break
    if thinking.get("thinkingBudget") == budget:
        return thinking
    return {**thinking, "thinkingBudget": budget}


def _thinking_since_3(thinking: JsonObject, model: str) -> JsonObject:
    """Returns the thinking settings for Gemini 3 and later.

    These models cannot switch thinking off, and Pro models have no level below LOW.
    """
    off = thinking.get("thinkingBudget") == 0
    if not off and text_of(thinking.get("thinkingLevel")).upper() != "MINIMAL":
        return thinking
    if not off and "pro" not in model:
        return thinking
    level = "LOW" if "pro" in model else "MINIMAL"
    return {**rest(thinking, "thinkingBudget"), "thinkingLevel": level}


def _fit_contents(body: JsonObject) -> JsonObject:
    contents = body.get("contents")
    if not isinstance(contents, list):
        return body
    fitted = [_fit_content(content) for content in contents]
    if are_same(fitted, contents):
        return body
    return {**body, "contents": fitted}


def _fit_content(content: Any) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    fitted: list[Any] = []
    media: list[Any] = []
    for part in parts:
        response = part.get("functionResponse") if isinstance(part, dict) else None
        if isinstance(response, dict) and response.get("parts"):
            media += response["parts"]
            part = {**part, "functionResponse": rest(response, "parts")}
        elif isinstance(part, dict) and part.get("thoughtSignature") == NO_SIGNATURE:
            part = rest(part, "thoughtSignature")
        fitted.append(part)
    if are_same(fitted, parts):
        return content
    return {**content, "parts": [*fitted, *media]}
