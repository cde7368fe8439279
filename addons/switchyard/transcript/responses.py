"""Prints a response of a model."""

from collections.abc import Iterator
from collections.abc import Sequence

from switchyard.transcript.layout import heading
from switchyard.transcript.layout import joined
from switchyard.transcript.layout import number
from switchyard.transcript.parts import part_text
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError


def reply_text(
    reply: Reply,
    facts: Sequence[str] = (),
    failure: ApiError | None = None,
    cost: str = "",
) -> str:
    """Print a reply, its stop reason and its usage.

    `facts` come first; a `failure` ended it; `cost` stands beside the tokens.
    """
    first = f"answers as {reply.model}" if reply.model else "answers"
    sections = [joined([f"{first}, in {reply.format}", *facts])]
    sections += (_choice(choice, len(reply.choices)) for choice in reply.choices)
    if failure is not None:
        sections.append(error_text(failure))
    end = "\n".join(_end(reply, cost))
    if end:
        ended = any(choice.stop is not None for choice in reply.choices)
        sections.append(f"{heading('end' if ended else 'so far')}\n{end}")
    return "\n\n".join(sections) + "\n"


def error_text(error: ApiError) -> str:
    """What went wrong, in a section of its own."""
    facts = joined(
        [
            error.kind,
            f"type {error.type}" if error.type else "",
            f"code {error.code}" if error.code else "",
            f"at {error.param}" if error.param else "",
            f"again in {error.retry_after:g} s" if error.retry_after is not None else "",
            f"request {error.request_id}" if error.request_id else "",
        ]
    )
    return f"{heading('error')}\n{error.message}\n{facts}"


def usage_line(usage: Usage) -> str:
    """The tokens of an exchange; empty where nothing is known of them."""
    cached = [
        f"{number(count)} {where} the cache"
        for count, where in ((usage.cache_read, "from"), (usage.cache_write, "into"))
        if count
    ]
    facts: list[str] = []
    if usage.input is not None:
        facts.append(f"{number(usage.input)} in{f' ({", ".join(cached)})' if cached else ''}")
    if usage.output is not None:
        thought = f" ({number(usage.reasoning)} of them thinking)" if usage.reasoning else ""
        facts.append(f"{number(usage.output)} out{thought}")
    said = joined(facts)
    return f"tokens: {said}" if said else ""


def _choice(choice: Choice, count: int) -> str:
    who = f"assistant, answer {choice.index + 1} of {count}" if count > 1 else "assistant"
    parts = [part_text(part, {}) for part in choice.parts]
    return f"{heading(who)}\n" + ("\n\n".join(part for part in parts if part) or "(no word)")


def _end(reply: Reply, cost: str) -> Iterator[str]:
    for choice in reply.choices:
        if choice.stop is not None:
            yield _stop(choice.stop)
    if reply.usage is not None and (line := usage_line(reply.usage)):
        yield line
        if cost:
            yield f"cost: {cost}"
    if reply.id:
        yield f"id: {reply.id}"


def _stop(stop: Stop) -> str:
    words = {
        "end": "it was done",
        "length": "the token limit was reached",
        "tool_calls": "it waits for its tools",
        "stop_sequence": "a stop sequence was met",
        "content_filter": "a filter stepped in",
        "refusal": "it refused",
        "pause": "it paused",
        "context_window": "the context window was full",
        "error": "an error",
        "other": "other",
    }
    raw = f" ({stop.raw})" if stop.raw else ""
    sequence = f" {stop.sequence!r}" if stop.sequence else ""
    return f"stopped: {words[stop.reason]}{sequence}{raw}"
