"""Counts of tokens, whichever way their maker counts them.

`Usage.input` holds cached tokens and `Usage.output` reasoning tokens. Some makers count these
apart, without saying so: xAI leaves reasoning out of the output; Grok, Mistral and some providers
behind OpenRouter leave cached tokens out of the prompt, which shows where these are more.
"""

from switchyard.values.records import altered
from switchyard.wire.model.conversation import Usage


def counted(usage: Usage) -> Usage:
    """Return `usage` with cached tokens within the prompt, and reasoning within the output.

    Each token is counted once; `usage` itself where that is so.
    """
    prompt, output, reasoning = usage.input, usage.output, usage.reasoning
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    if prompt is not None and cached > prompt:
        prompt += cached
    if output is not None and reasoning:
        apart = usage.total in _totals(usage, prompt, output + reasoning)
        within = usage.total in _totals(usage, prompt, output)
        if apart or (reasoning > output + 1 and not within):
            output += reasoning
        reasoning = min(reasoning, output)  # counted one too many where the limit cut it off
    total = usage.total
    if total is not None and (prompt, output) != (usage.input, usage.output):
        total = max(total, (prompt or 0) + (output or 0))
    if (prompt, output, reasoning) == (usage.input, usage.output, usage.reasoning):
        return usage
    return altered(usage, input=prompt, output=output, reasoning=reasoning, total=total)


def _totals(usage: Usage, prompt: int | None, output: int) -> set[int]:
    """The totals that say that so much was put out."""
    if not usage.total:
        return set()
    return {(usage.input or 0) + output, (prompt or 0) + output}
