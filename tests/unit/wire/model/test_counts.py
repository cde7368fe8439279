"""Tokens are counted once, and by each format's own convention."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.formats.anthropic.usage import read_usage as read_anthropic
from switchyard.wire.formats.gemini.usage import read_usage as read_gemini
from switchyard.wire.formats.openai_chat.usage import read_usage as read_chat
from switchyard.wire.formats.openai_responses.usage import read_usage as read_responses
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.counts import counted
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.registry import FORMATS
from tests.unit.wire import laws

COUNTS = st.integers(0, 10_000)
EXPRESSES = {
    "openai-chat": {"input", "output", "cache_read", "cache_write", "reasoning"},
    "openai-completions": {"input", "output", "cache_read", "cache_write", "reasoning"},
    "openai-responses": {"input", "output", "cache_read", "cache_write", "reasoning"},
    "anthropic": {"input", "output", "cache_read", "cache_write", "reasoning"},
    "gemini": {"input", "output", "cache_read", "reasoning"},
    "ollama": {"input", "output"},
}
"""Which counts an answer of each format has."""


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Counts as the model has them."""
    read, write, fresh, reasoning, said = (draw(COUNTS) for _ in range(5))
    prompt, output = read + write + fresh + 1, reasoning + said + 1
    return Usage(
        input=prompt,
        output=output,
        cache_read=read or None,
        cache_write=write or None,
        reasoning=reasoning or None,
    )


def reply_with(usage: Usage, format: str) -> Reply:
    choice = Choice(parts=(Text(text="Hi."),), stop=Stop(reason="end"))
    return Reply(format=format, id="x", model="m", created=1, choices=(choice,), usage=usage)


def through(usage: Usage, name: str, *, streamed: bool) -> Usage:
    """The usage as a client of the format reads it."""
    format = FORMATS[name]
    reply = reply_with(usage, "elsewhere")
    if streamed:
        found = fold(name, laws.read_stream(format, laws.write_stream(format, unfold(reply)))).usage
    else:
        found = format.read_reply(format.write_reply(reply, laws.ASKED)).usage
    assert found is not None
    return found


def same(found: Usage, usage: Usage, expressed: set[str]) -> None:
    for name in expressed:
        assert (getattr(found, name) or 0) == (getattr(usage, name) or 0), name


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
@given(usage=usages())
def test_counts_keep_their_meaning_between_any_two_formats(
    first: str, second: str, streamed: bool, usage: Usage
) -> None:
    found = through(usage, first, streamed=streamed)
    same(found, usage, EXPRESSES[first])
    assert found.tokens in (0, (usage.input or 0) + (usage.output or 0))
    again = through(found, second, streamed=streamed)
    same(again, usage, EXPRESSES[first] & EXPRESSES[second])


@given(st.builds(Usage, input=COUNTS, output=COUNTS, cache_read=st.none() | COUNTS,
                 cache_write=st.none() | COUNTS, reasoning=st.none() | COUNTS,
                 total=st.none() | COUNTS))  # fmt: skip
def test_parts_are_never_more_than_the_whole(said: Usage) -> None:
    usage = counted(said)
    assert (usage.cache_read or 0) + (usage.cache_write or 0) <= (usage.input or 0)
    assert (usage.reasoning or 0) <= (usage.output or 0)
    assert counted(usage).input == usage.input


@pytest.mark.parametrize(
    ("read", "body", "prompt", "output"),
    [
        # Grok, Mistral, OpenRouter: what was cached is no part of the prompt.
        (read_chat, {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17,
                     "prompt_tokens_details": {"cached_tokens": 640}}, 652, 5),
        (read_chat, {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 657,
                     "num_cached_tokens": 640}, 652, 5),
        (read_responses, {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17,
                          "input_tokens_details": {"cached_tokens": 640}}, 652, 5),
        (read_gemini, {"promptTokenCount": 12, "candidatesTokenCount": 5,
                       "cachedContentTokenCount": 640}, 652, 5),
        (read_anthropic, {"input_tokens": 12, "output_tokens": 5,
                          "cache_read_input_tokens": 640}, 652, 5),
        # The same as OpenAI counts it.
        (read_chat, {"prompt_tokens": 652, "completion_tokens": 5, "total_tokens": 657,
                     "prompt_tokens_details": {"cached_tokens": 640}}, 652, 5),
        # xAI: reasoning is no part of the output.
        (read_chat, {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 125,
                     "completion_tokens_details": {"reasoning_tokens": 20}}, 100, 25),
        (read_chat, {"prompt_tokens": 100, "completion_tokens": 5,
                     "completion_tokens_details": {"reasoning_tokens": 20}}, 100, 25),
        (read_responses, {"input_tokens": 100, "output_tokens": 5, "total_tokens": 125,
                          "output_tokens_details": {"reasoning_tokens": 20}}, 100, 25),
        # One too many, where a limit cut reasoning off.
        (read_chat, {"prompt_tokens": 100, "completion_tokens": 19, "total_tokens": 119,
                     "completion_tokens_details": {"reasoning_tokens": 20}}, 100, 19),
    ],
)  # fmt: skip
def test_each_makers_convention(read: Any, body: Any, prompt: int, output: int) -> None:
    usage = read(body)
    assert (usage.input, usage.output) == (prompt, output)
    assert usage.tokens >= prompt + output
    assert (usage.reasoning or 0) <= output
