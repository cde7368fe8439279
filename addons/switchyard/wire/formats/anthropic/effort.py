"""Sets thinking, sampling and the token limit for requests of other formats.

The API refuses many combinations of these settings (guides "Extended thinking": feature
compatibility; "Adaptive thinking"; "Effort"):

- `budget_tokens` must be at least 1,024 and less than `max_tokens`;
- with thinking, `temperature` must be 1, `top_k` is refused and `top_p` must lie between 0.95
  and 1;
- thinking and a forced tool choice exclude each other;
- with a budget, the last assistant turn must begin with a thinking block when it is a prefill or
  its tool calls have just been answered (see `_must_show_thinking`);
- Claude models before 4.7 take a budget, later ones only `adaptive` with an effort, and refuse all
  sampling parameters; those from 4.1 on take only one of `temperature` and `top_p`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.shared.claude import MAX_TOKENS
from switchyard.wire.shared.claude import claude_version

_ANSWER = 8_192
"""Tokens reserved for the text when a thinking budget raises the limit."""

_MIN_BUDGET = 1_024

_BUDGETS = {
    "minimal": 1_024,
    "low": 2_048,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 32_768,
}

_EFFORTS = {
    "minimal": "low",
    **{level: level for level in ("low", "medium", "high", "xhigh", "max")},
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """Settings that the API accepts together."""

    max_tokens: int
    reasoning: Reasoning | None
    temperature: float | None
    top_p: float | None
    top_k: int | None


def fit(c: Conversation, choice: ToolChoice | None, turns: Sequence[Turn]) -> Fitted:
    """Returns the settings of `c` as far as `choice` and `turns` allow them.

    `choice` and `turns` are those that the request will contain.
    """
    version = claude_version(c.model)
    adaptive = version is not None and version >= (4, 7)
    reasoning = _reasoning(c.reasoning, adaptive)
    if _thinks(reasoning) and (_forced(choice) or (not adaptive and _must_show_thinking(turns))):
        effort = reasoning.effort if reasoning else None
        reasoning = Reasoning(effort=effort) if effort else None
    max_tokens = c.max_tokens if c.max_tokens is not None else MAX_TOKENS
    if reasoning is not None and reasoning.budget is not None:
        budget, max_tokens = _fit_budget(reasoning.budget, c.max_tokens)
        reasoning = altered(reasoning, budget=budget)
    temperature, top_p, top_k = _sampling(c, version, _thinks(reasoning))
    return Fitted(max_tokens, reasoning, temperature, top_p, top_k)


def _reasoning(asked: Reasoning | None, adaptive: bool) -> Reasoning | None:
    """Returns the requested reasoning in the model's terms.

    Models with adaptive thinking take an effort, others a budget in tokens.
    """
    if asked is None:
        return None
    if asked.enabled is False or asked.effort == "none" or asked.budget == 0:
        return Reasoning(enabled=False)
    budget = asked.budget if asked.budget is not None and asked.budget > 0 else None
    if not (asked.effort or budget or asked.enabled or asked.adaptive):
        return None
    if not adaptive:
        budget = budget or _BUDGETS.get(asked.effort or "", _BUDGETS["medium"])
        return Reasoning(enabled=True, budget=max(budget, _MIN_BUDGET))
    effort = _EFFORTS.get(asked.effort or "")
    if effort is None and budget is not None:
        effort = _EFFORTS[next((e for e, b in _BUDGETS.items() if b >= budget), "max")]
    # These models return no thinking unless asked to summarise it.
    return Reasoning(effort=effort, adaptive=True, summary="summarized")


def _thinks(reasoning: Reasoning | None) -> bool:
    return reasoning is not None and (reasoning.adaptive or bool(reasoning.enabled))


def _forced(choice: ToolChoice | None) -> bool:
    return choice is not None and choice.mode in ("required", "tool")


def _must_show_thinking(turns: Sequence[Turn]) -> bool:
    """Whether the history lacks the thinking block that a budget requires.

    The API looks at the last assistant turn alone. Once that one lacks its thinking, here any
    answered call counts: thinking that goes off with each result and on with each question would
    break the prompt cache every time (guide "Prompt caching", what invalidates the cache).
    """
    said = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    if not said or isinstance(turns[said[-1]].parts[0], Thinking):
        return False
    if said[-1] == len(turns) - 1:
        return True
    return any(
        not isinstance(turns[place].parts[0], Thinking)
        and any(isinstance(part, ToolResult) for part in turns[place + 1].parts)
        for place in said
    )


def _fit_budget(budget: int, limit: int | None) -> tuple[int, int]:
    """Returns a budget and a token limit above it.

    The client's own limit is kept if thinking fits into half of it; otherwise the limit is raised,
    because the client asked for both.
    """
    if limit is None:
        return budget, max(MAX_TOKENS, budget + _ANSWER)
    if budget >= limit:
        budget = max(_MIN_BUDGET, limit // 2)
    return budget, limit if budget < limit else limit + budget


def _sampling(
    c: Conversation, version: tuple[int, int] | None, thinks: bool
) -> tuple[float | None, float | None, int | None]:
    """Returns temperature, `top_p` and `top_k`.

    Temperature ranges from 0 to 1 in this API, and from 0 to 2 in others.
    """
    if version is not None and version >= (4, 7):
        return None, None, None
    temperature = min(c.temperature, 1.0) if c.temperature is not None else None
    top_p = c.top_p
    if thinks:
        temperature = temperature if temperature == 1 else None
        return temperature, top_p if top_p is not None and 0.95 <= top_p <= 1 else None, None
    if temperature is not None and version is not None and version >= (4, 1):
        top_p = None
    return temperature, top_p, c.top_k
