"""Token counts as disjoint classes."""

from dataclasses import replace

from switchyard.usage.records import Tokens
from switchyard.usage.tokens import parts_of_usage
from switchyard.usage.tokens import sum_of
from switchyard.usage.tokens import tokens_of_usage
from switchyard.usage.tokens import with_counted_output
from switchyard.wire.formats.anthropic.usage import read_usage as read_anthropic
from switchyard.wire.formats.gemini.usage import read_usage as read_gemini
from switchyard.wire.formats.openai_chat.usage import read_usage as read_chat
from switchyard.wire.model.conversation import Usage


def test_classes_of_anthropic() -> None:
    usage = read_anthropic(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 500,
            "cache_creation_input_tokens": 70,
            "cache_creation": {"ephemeral_5m_input_tokens": 50, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 7,
        }
    )
    assert usage is not None
    assert tokens_of_usage(usage) == Tokens(
        input=10, cache_read=500, cache_write_5m=50, cache_write_1h=20, output=7
    )


def test_compactions_of_anthropic_are_counted_once() -> None:
    """The figures of its documentation, "Compaction": 203,000 are billed and 23,000 on top."""
    usage = read_anthropic(
        {
            "input_tokens": 23_000,
            "output_tokens": 1000,
            "iterations": [
                {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23_000, "output_tokens": 1000},
                {"type": "advisor_message", "input_tokens": 5, "output_tokens": 5, "model": "m"},
            ],
        }
    )
    assert usage is not None
    assert tokens_of_usage(usage) == Tokens(input=203_000, output=4500)
    # The client is told what the provider told.
    assert (usage.input, usage.output) == (23_000, 1000)


def test_caches_of_a_compaction_and_counts_that_are_none() -> None:
    compaction = {
        "type": "compaction",
        "input_tokens": 10,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 30,
        "cache_creation": {"ephemeral_1h_input_tokens": 20},
        "output_tokens": 5,
    }
    wrong = {"type": "compaction", "input_tokens": "9", "output_tokens": -4}
    usage = Usage(input=100, output=1, extra={"iterations": [compaction, wrong, None]})
    assert tokens_of_usage(usage) == Tokens(
        input=110, cache_read=400, cache_write_5m=10, cache_write_1h=20, output=6
    )
    for unknown in (None, "many", {}):
        assert tokens_of_usage(Usage(input=3, extra={"iterations": unknown})).input == 3


def test_parts_by_prompts() -> None:
    compaction = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500}
    messages = [
        {"type": "message", "input_tokens": 20_000, "output_tokens": 400},
        {"type": "message", "input_tokens": 3_000, "output_tokens": 600},
    ]
    usage = Usage(input=23_000, output=1000, extra={"iterations": [compaction, *messages]})
    parts = parts_of_usage(tokens_of_usage(usage), usage)
    assert [(one.input, one.output) for one in parts] == [
        (20_000, 400), (3_000, 600), (180_000, 3500)
    ]  # fmt: skip
    # Answers that do not add up to the usage are not told apart.
    usage = replace(usage, extra={"iterations": [compaction, messages[0], {"type": "compaction"}]})
    parts = parts_of_usage(tokens_of_usage(usage), usage)
    assert [(one.input, one.output) for one in parts] == [(23_000, 1000), (180_000, 3500)]


def test_classes_of_chat() -> None:
    usage = read_chat(
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 8},
        }
    )
    assert usage is not None
    assert tokens_of_usage(usage) == Tokens(
        input=40, cache_read=60, output=20, reasoning=8, input_audio=5
    )


def test_classes_of_gemini() -> None:
    usage = read_gemini(
        {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 30,
            "candidatesTokenCount": 9,
            "thoughtsTokenCount": 4,
            "toolUsePromptTokenCount": 6,
            "promptTokensDetails": [
                {"modality": "IMAGE", "tokenCount": 25},
                {"modality": "TEXT", "tokenCount": 75},
            ],
        }
    )
    assert usage is not None
    tokens = tokens_of_usage(usage)
    assert (tokens.input, tokens.cache_read, tokens.output) == (76, 30, 13)
    assert (tokens.reasoning, tokens.images) == (4, 25)


def test_counts_that_contradict_each_other_are_not_negative() -> None:
    tokens = tokens_of_usage(Usage(input=5, cache_read=9))
    assert tokens.input == 0 and tokens.cache_read == 9


def test_a_stream_that_broke_off_has_at_least_what_was_counted() -> None:
    begun = Tokens(input=10, output=1)
    assert with_counted_output(begun, 400) == Tokens(input=10, output=94)
    assert with_counted_output(Tokens(output=500), 400).output == 500


def test_a_sum_knows_what_any_part_knows() -> None:
    parts = [Tokens(input=1), Tokens(input=2, output=3), Tokens()]
    assert sum_of(parts) == Tokens(input=3, output=3)


def test_numbers_that_are_no_counts() -> None:
    assert tokens_of_usage(Usage(input=10**30, output=5)) == Tokens(output=5)
    assert tokens_of_usage(Usage(input=7, output=-5)) == Tokens(input=7)


def test_what_is_no_count_changes_no_other() -> None:
    for cached in (-60, 10**18):
        tokens = tokens_of_usage(Usage(input=100, output=9, cache_read=cached))
        assert tokens == Tokens(input=100, output=9)
