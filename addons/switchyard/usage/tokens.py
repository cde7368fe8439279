"""Token counts by class, from the usage that a response reports.

Anthropic's compactions: "Compaction", section "Understanding usage" (`usage.iterations`).
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

from switchyard.usage.records import NO_TOKENS
from switchyard.usage.records import Tokens
from switchyard.wire.formats.gemini.names import NAME as GEMINI
from switchyard.wire.model.conversation import Usage

_MOST = 10**12
"""Tokens; what a provider reports above that, or below none, is no count."""

_TOKENS_A_BYTE = 0.235
"""Of text that a model writes, as `wire.operations.count_tokens` has it for a character."""


def tokens_of_usage(usage: Usage) -> Tokens:
    """Return the counts of a usage as disjoint classes.

    `Usage.input` has the tokens read from and written to a cache in it, which are classes of their
    own here; so do tokens of prompts that the provider's own tools made (Gemini's
    `toolUsePromptTokenCount`), which are input. Anthropic's `cache_creation` tells which of the
    written ones are kept for an hour, and its `iterations` has compactions, which are billed and
    no part of the counts above them. Advisors stand there as well, at prices of other models: they
    are left out.
    """
    read, written, fresh = usage.cache_read, usage.cache_write, usage.input
    if read or written:
        read, written = _count(read), _count(written)
    if fresh is not None:
        fresh = max(0, fresh - (read or 0) - (written or 0)) + (usage.tool_input or 0)
    extra = usage.extra
    hour = _hour(extra, written) if written else None
    tokens = Tokens(
        input=fresh,
        cache_read=read,
        cache_write_5m=None if written is None else written - (hour or 0),
        cache_write_1h=hour,
        output=usage.output,
        reasoning=usage.reasoning,
        input_audio=usage.input_audio,
        output_audio=usage.output_audio,
        images=_images(extra[GEMINI]) if GEMINI in extra else None,
    )
    if "iterations" in extra:
        tokens = sum_of([tokens, *_sampled(extra["iterations"], "compaction")])
    known = list(filter(None, tokens))
    if known and (min(known) < 0 or max(known) > _MOST):
        return Tokens._make(one if one and 0 < one <= _MOST else None for one in tokens)
    return tokens


def parts_of_usage(tokens: Tokens, usage: Usage) -> list[Tokens]:
    """Return `tokens`, those of a whole usage, by the prompts that they were used for.

    Anthropic samples a conversation once more for each compaction, and after it
    (`usage.iterations`): a price that depends on the prompt's length depends on that of each. The
    counts of answers are taken from there only where they add up to those of the usage.
    """
    iterations = usage.extra.get("iterations")
    if not isinstance(iterations, list):
        return [tokens]
    compactions = [one for one in _sampled(iterations, "compaction") if one != NO_TOKENS]
    own = Tokens._make(
        count if count is None else max(0, count - sum(one[place] or 0 for one in compactions))
        for place, count in enumerate(tokens)
    )
    answers = list(_sampled(iterations, "message"))
    if _zeros(sum_of(answers)) != _zeros(own):
        answers = [own]
    return [*answers, *(one._replace(input=one.input or 0) for one in compactions)]


def _zeros(tokens: Tokens) -> Tokens:
    return Tokens._make(count or 0 for count in tokens)


def with_counted_output(tokens: Tokens, size: int) -> Tokens:
    """Return counts of a response that broke off: its output is at least what `size` bytes are."""
    counted = round(size * _TOKENS_A_BYTE)
    if counted <= (tokens.output or 0):
        return tokens
    return tokens._replace(output=counted)


def with_counted_input(tokens: Tokens, count: int) -> Tokens:
    """Return counts of a response that broke off before its provider counted the input."""
    return tokens._replace(input=count)


def sum_of(parts: Iterable[Tokens]) -> Tokens:
    """Add counts up; a class is None where none of the parts has it."""
    counted = list(parts)
    if len(counted) < 2:
        return counted[0] if counted else NO_TOKENS
    return Tokens._make(
        sum(known) if (known := [count for count in counts if count is not None]) else None
        for counts in zip(*counted, strict=True)
    )


def _count(count: int | None) -> int | None:
    """A count; None for what is none, which must not change another one."""
    return count if count is None or 0 <= count <= _MOST else None


def _hour(extra: Mapping[str, object], written: int) -> int | None:
    kept = extra.get("cache_creation")
    hour = kept.get("ephemeral_1h_input_tokens") if isinstance(kept, dict) else None
    return min(hour, written) if isinstance(hour, int) and hour >= 0 else None


def _sampled(iterations: object, kind: str) -> Iterator[Tokens]:
    """The counts of one kind of Anthropic's iterations: compactions, or the answer's messages."""
    for one in iterations if isinstance(iterations, list) else ():
        if not isinstance(one, dict) or one.get("type") != kind:
            continue
        written = _count_in(one, "cache_creation_input_tokens")
        hour = _hour(one, written) if written else None
        yield Tokens(
            input=_count_in(one, "input_tokens"),
            cache_read=_count_in(one, "cache_read_input_tokens"),
            cache_write_5m=None if written is None else written - (hour or 0),
            cache_write_1h=hour,
            output=_count_in(one, "output_tokens"),
        )


def _count_in(counts: Mapping[str, object], name: str) -> int | None:
    count = counts.get(name)
    return _count(count) if type(count) is int else None


def _images(details: object) -> int | None:
    """Tokens of images in prompt and response, as Gemini counts them by modality."""
    found: int | None = None
    for name in ("promptTokensDetails", "candidatesTokensDetails"):
        listed = details.get(name) if isinstance(details, dict) else None
        for one in listed if isinstance(listed, list) else ():
            count = one.get("tokenCount") if isinstance(one, dict) else None
            if isinstance(count, int) and one.get("modality") == "IMAGE":
                found = (found or 0) + count
    return found
