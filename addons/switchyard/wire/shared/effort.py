"""Maps reasoning effort between formats, and reads it from a model name's suffix.

`model(high)` and `model(8192)` request an effort by the model's name alone, for clients without a
setting of their own. The suffix replaces the body's effort. Sources: OpenAI's reference
(`reasoning_effort`, `reasoning.effort`), Anthropic's guides "Extended thinking" and "Adaptive
thinking", Google's guide "Gemini thinking", Ollama's API ("Thinking").
"""

import re
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.encoding.members import object_of
from switchyard.wire.encoding.members import rest
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.shared.claude import MAX_TOKENS
from switchyard.wire.shared.claude import claude_version

LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""From no thinking to the most. `auto`, outside of the scale, leaves it to the model."""

BUDGETS = {
    "minimal": 512,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 128_000,
}
"""Tokens of thinking per level, for formats that count them."""

_NUMBER = re.compile(r"[0-9]{1,7}")

_MIN_BUDGET = 1_024
"""The minimum of `budget_tokens` in Anthropic's API."""

_ANSWER = 8_192
"""Maximum number of tokens reserved for the text when a budget raises the limit."""

_THINKING = ("thinking", "redacted_thinking")
_BEFORE_GEMINI_3 = re.compile(r"gemini-[12][.-]")
_GEMINI_LEVELS = {"xhigh": "HIGH", "max": "HIGH"}
_OLLAMA_LEVELS = {"minimal": "low", "low": "low", "medium": "medium"}
OLLAMA_WITH_LEVELS = "gpt-oss"
"""The only models of Ollama known to accept a level; others refuse one, and take true."""


@dataclass(frozen=True, slots=True)
class Effort:
    """A requested effort: a level, or a number of tokens with the nearest level."""

    level: str
    """One of `LEVELS`, or `auto`."""
    tokens: int | None = None
    """The requested number of tokens, if it was a number."""

    @property
    def is_off(self) -> bool:
        return self.level == "none"

    @property
    def is_auto(self) -> bool:
        return self.level == "auto"

    @property
    def budget(self) -> int:
        """Returns tokens of thinking; for `auto`, those of a medium effort."""
        if self.tokens is not None:
            return self.tokens
        return BUDGETS.get(self.level, 0 if self.is_off else BUDGETS["medium"])


def parse_effort(suffix: str) -> Effort:
    """Returns the effort in a suffix.

    Raises ValueError, with a text for the client.
    """
    word = suffix.strip().lower()
    if word in LEVELS or word == "auto":
        return Effort(word)
    if word == "-1":
        return Effort("auto")
    if _NUMBER.fullmatch(word):
        tokens = int(word)
        return Effort(level_of(tokens), tokens)
    shown = suffix if len(suffix) <= 40 else f"{suffix[:37]}..."
    raise ValueError(
        f"The suffix ({shown}) after the model's name is not a reasoning effort. Use "
        f"none, auto, {', '.join(LEVELS[1:])}, or a number of tokens, as in model(high) or "
        "model(8192)."
    )


def level_of(tokens: int) -> str:
    """Returns the lowest level whose budget covers so many tokens of thinking."""
    if tokens <= 0:
        return "none"
    return next((level for level, budget in BUDGETS.items() if tokens <= budget), "max")


def nearest_level(level: Any, taken: Sequence[str]) -> Any:
    """Returns the accepted level nearest to `level`, the higher of two.

    No thinking is chosen only for a request without thinking. A level outside the scale stays.
    """
    if level in taken or level not in LEVELS:
        return level
    place = LEVELS.index(level)
    places = [LEVELS.index(one) for one in taken if one in LEVELS and one != "none"]
    if not places:
        return level
    return LEVELS[min(places, key=lambda one: (abs(one - place), -one))]


def reasoning_with(suffix: str, said: Reasoning | None) -> Reasoning:
    """Returns a suffix's effort in the neutral model; the display of thinking stays.

    Raises ValueError.
    """
    effort = parse_effort(suffix)
    shown = said.summary if said else None
    if effort.is_off:
        return Reasoning(effort="none", enabled=False, summary=shown)
    if effort.is_auto:
        return Reasoning(adaptive=True, summary=shown)
    if effort.tokens is not None:
        return Reasoning(budget=effort.tokens, enabled=True, summary=shown)
    return Reasoning(effort=effort.level, summary=shown)


def with_effort(body: JsonObject, format: str, suffix: str, model: str = "") -> JsonObject:
    """Returns `body`, in `format`, with the effort of a suffix instead of its own.

    `model` is the upstream's name of the model; several families use members of their own. Returns
    `body` itself if it has that effort already, and in formats without effort. Raises
    ValueError.
    """
    effort = parse_effort(suffix)
    write = _WRITERS.get(format)
    written = write(body, effort, model or str(body.get("model", ""))) if write else body
    return body if written == body else written


def _write_chat(body: JsonObject, effort: Effort, model: str) -> JsonObject:
    """Writes `reasoning_effort`, or the member of a dialect that the client uses.

    The dialects are `reasoning` (OpenRouter) and `thinking` (DeepSeek, Z.ai, Moonshot).
    """
    written = dict(rest(body, "reasoning_effort"))
    level = "xhigh" if effort.level == "max" else effort.level
    if isinstance(thinking := body.get("thinking"), dict):
        switch = "disabled" if effort.is_off else "enabled"
        written["thinking"] = {**rest(thinking, "budget_tokens"), "type": switch}
    if isinstance(said := body.get("reasoning"), dict):
        kept = rest(said, "effort", "max_tokens", "enabled")
        if effort.is_auto:
            said = {"enabled": True}
        else:
            said = {"max_tokens": effort.tokens} if effort.tokens else {"effort": level}
        written["reasoning"] = {**kept, **said}
    elif not effort.is_auto:
        written["reasoning_effort"] = level
    return written


def _write_responses(body: JsonObject, effort: Effort, model: str) -> JsonObject:
    said = rest(object_of(body.get("reasoning")), "effort")
    if effort.is_auto:
        return {**body, "reasoning": said} if said else rest(body, "reasoning")
    level = "xhigh" if effort.level == "max" else effort.level
    return {**body, "reasoning": {**said, "effort": level}}


def _write_anthropic(body: JsonObject, effort: Effort, model: str) -> JsonObject:
    """Writes `thinking`, and `output_config.effort` for models with adaptive thinking.

    Leaves thinking that the API would refuse (with a forced tool, or if the last turn had to begin
    with it) as the client wrote it.
    """
    version = claude_version(model)
    adaptive = version is not None and version >= (4, 7)
    config = rest(object_of(body.get("output_config")), "effort")
    written = dict(rest(body, "output_config"))
    if config:
        written["output_config"] = config
    if effort.is_off:
        return {**written, "thinking": {"type": "disabled"}}
    if version is not None and (
        _forces_tool(body) or (not adaptive and _must_show_thinking(body.get("messages")))
    ):
        return body
    display = object_of(body.get("thinking")).get("display")
    shown = {"display": display} if display is not None else {}
    if adaptive:
        # These models return no thinking unless asked to summarise it.
        written["thinking"] = {"type": "adaptive", "display": "summarized", **shown}
        if not effort.is_auto:
            level = "low" if effort.level == "minimal" else effort.level
            written["output_config"] = {**config, "effort": level}
        return dict(rest(written, "temperature", "top_p", "top_k"))
    written["max_tokens"], budget = _fit_budget(effort.budget, body.get("max_tokens"), model)
    written["thinking"] = {"type": "enabled", "budget_tokens": budget, **shown}
    return _without_sampling(written) if version is not None else written


def _fit_budget(budget: int, said: Any, model: str) -> tuple[int, int]:
    """Returns `max_tokens` and a budget below it.

    Raises the limit if necessary, up to the model's maximum; beyond that it reduces the budget.
    """
    limit = said if isinstance(said, int) and not isinstance(said, bool) else MAX_TOKENS
    answer = min(max(limit, 1), _ANSWER)
    budget = max(budget, _MIN_BUDGET)
    if budget >= limit:
        limit = budget + answer
    most = _most_tokens(model)
    if most is not None and limit > most:
        limit, budget = most, min(budget, most - answer)
    return limit, budget


def _most_tokens(model: str) -> int | None:
    """Returns a Claude model's maximum output with thinking, in tokens; else None."""
    version = claude_version(model)
    if version is None:
        return None
    if "opus" in model.lower():
        return 32_000 if version < (4, 5) else 64_000 if version < (4, 6) else 128_000
    return 64_000


def _forces_tool(body: JsonObject) -> bool:
    return object_of(body.get("tool_choice")).get("type") in ("any", "tool")


def _must_show_thinking(messages: Any) -> bool:
    """Whether the history lacks the thinking block that a budget requires.

    The API looks at the last assistant turn alone. Once that one lacks its thinking, any answered
    call counts, so that thinking goes off once in a conversation and not with each result: every
    change breaks the prompt cache.
    """
    turns = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    said = [place for place, turn in enumerate(turns) if turn.get("role") == "assistant"]
    if not said or _first_type(turns[said[-1]]) in _THINKING:
        return False
    if said[-1] == len(turns) - 1:
        return True
    return any(
        _first_type(turns[place]) not in _THINKING
        and _first_type(turns[place + 1]) == "tool_result"
        for place in said
    )


def _first_type(turn: JsonObject) -> Any:
    content = turn.get("content")
    first = content[0] if isinstance(content, list) and content else None
    return first.get("type") if isinstance(first, dict) else None


def _without_sampling(body: JsonObject) -> JsonObject:
    """Removes what thinking excludes: temperatures but 1, `top_k`, a low `top_p`."""
    refused = ["top_k"]
    if body.get("temperature") != 1:
        refused.append("temperature")
    top_p = body.get("top_p")
    if not (isinstance(top_p, int | float) and 0.95 <= top_p <= 1):
        refused.append("top_p")
    return dict(rest(body, *refused))


def _write_gemini(body: JsonObject, effort: Effort, model: str) -> JsonObject:
    """Writes `generationConfig.thinkingConfig`: a level since Gemini 3, tokens before."""
    config = object_of(body.get("generationConfig") or body.get("generation_config"))
    said = object_of(config.get("thinkingConfig") or config.get("thinking_config"))
    names = ("thinkingLevel", "thinking_level", "thinkingBudget", "thinking_budget")
    thinking = dict(rest(said, *names))
    if effort.is_off:
        thinking = {"thinkingBudget": 0}
    elif effort.is_auto:
        thinking["thinkingBudget"] = -1
    elif effort.tokens is not None or _BEFORE_GEMINI_3.search(model):
        thinking["thinkingBudget"] = effort.budget
    else:
        thinking["thinkingLevel"] = _GEMINI_LEVELS.get(effort.level, effort.level.upper())
    config = {**rest(config, "thinking_config"), "thinkingConfig": thinking}
    return {**rest(body, "generation_config"), "generationConfig": config}


def _write_ollama(body: JsonObject, effort: Effort, model: str) -> JsonObject:
    if effort.is_off or effort.is_auto or OLLAMA_WITH_LEVELS not in model:
        return {**body, "think": not effort.is_off}
    return {**body, "think": _OLLAMA_LEVELS.get(effort.level, "high")}


_WRITERS: dict[str, Callable[[JsonObject, Effort, str], JsonObject]] = {
    "openai-chat": _write_chat,
    "openai-responses": _write_responses,
    "anthropic": _write_anthropic,
    "gemini": _write_gemini,
    "ollama": _write_ollama,
}
