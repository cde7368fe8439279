"""Tokens of recorded responses: the provider's own, by class, through every client's format.

What a response reports is read here a second time, by rules of its own: from the raw JSON, with the
members that each API's reference names.
"""

import json
import time
from typing import Any

import pytest

from switchyard.recording.request_record import Ending
from switchyard.recording.request_record import record_of
from switchyard.runtime.usage_rules import rules_of
from switchyard.usage.records import NO_TOKENS
from switchyard.usage.records import Tokens
from switchyard.usage.tokens import tokens_of_usage
from switchyard.wire.operations.operation import OperationRelay
from switchyard.wire.registry import FORMATS
from switchyard.wire.relay.relay import Relay
from tests.support.runtime import Pipeline
from tests.support.runtime import call_flow
from tests.support.runtime import make_runtime
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import streams
from tests.unit.wire.test_relay_corpus import relayed

ENDS = ("message_stop", "response.completed", "response.incomplete", "response.failed")
"""Types of the events that end a stream."""


def bodies(record: Record) -> list[dict[str, Any]]:
    """The JSON objects of a response, in order: one, or one an event of a stream."""
    if record.sse is None:
        return [record.response]
    found = []
    for line in record.sse.splitlines():
        text = line.removeprefix("data:").strip()
        if not text.startswith("{"):
            continue
        try:
            found.append(json.loads(text))
        except ValueError:
            continue  # data of several lines, in which no recorded provider sends usage
        if found[-1].get("type") in ENDS:
            break  # some recordings hold several responses, one after another
    return found


def number(members: dict[str, Any] | None, *path: str) -> int | None:
    value: Any = members
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def less(whole: int | None, *parts: int | None) -> int | None:
    return None if whole is None else max(0, whole - sum(part or 0 for part in parts))


def of_chat(usage: dict[str, Any]) -> Tokens:
    read = first(
        number(usage, "prompt_tokens_details", "cached_tokens"),
        number(usage, "prompt_cache_hit_tokens"),  # DeepSeek
        number(usage, "cached_tokens"),  # Moonshot
        number(usage, "num_cached_tokens"),  # Mistral
    )
    written = number(usage, "prompt_tokens_details", "cache_write_tokens")  # OpenRouter
    prompt, output = number(usage, "prompt_tokens"), number(usage, "completion_tokens")
    thought = number(usage, "completion_tokens_details", "reasoning_tokens")
    if thought and number(usage, "total_tokens") == (prompt or 0) + (output or 0) + thought:
        output = (output or 0) + thought  # xAI counts reasoning beside the completion
    return Tokens(
        input=less(prompt, read, written),
        cache_read=read,
        cache_write_5m=written,
        output=output,
        reasoning=thought if thought is None or output is None else min(thought, output),
        input_audio=first(
            number(usage, "prompt_tokens_details", "audio_tokens"),
            number(usage, "audio_prompt_tokens"),
        ),
        output_audio=number(usage, "completion_tokens_details", "audio_tokens"),
    )


def of_responses(usage: dict[str, Any]) -> Tokens:
    read = number(usage, "input_tokens_details", "cached_tokens")
    written = number(usage, "input_tokens_details", "cache_write_tokens")
    return Tokens(
        input=less(number(usage, "input_tokens"), read, written),
        cache_read=read,
        cache_write_5m=written,
        output=number(usage, "output_tokens"),
        reasoning=number(usage, "output_tokens_details", "reasoning_tokens"),
    )


def of_anthropic(usage: dict[str, Any]) -> Tokens:
    """The counts of the answer, and those of compactions, which are billed beside it."""
    steps = usage.get("iterations") or ()
    compactions = [one for one in steps if one["type"] == "compaction"]
    parts = [of_one_step(one) for one in (usage, *compactions)]
    return Tokens._make(
        sum(known) if (known := [count for count in counts if count is not None]) else None
        for counts in zip(*parts, strict=True)
    )


def of_one_step(usage: dict[str, Any]) -> Tokens:
    written = number(usage, "cache_creation_input_tokens")
    hour = number(usage, "cache_creation", "ephemeral_1h_input_tokens")
    return Tokens(
        input=number(usage, "input_tokens"),
        cache_read=number(usage, "cache_read_input_tokens"),
        cache_write_5m=less(written, hour),
        cache_write_1h=hour if written else None,
        output=number(usage, "output_tokens"),
        reasoning=number(usage, "output_tokens_details", "thinking_tokens"),
    )


def of_gemini(usage: dict[str, Any]) -> Tokens:
    read, thoughts = number(usage, "cachedContentTokenCount"), number(usage, "thoughtsTokenCount")
    answer = number(usage, "candidatesTokenCount")
    prompt = number(usage, "promptTokenCount")
    if prompt is None and answer is None:
        return NO_TOKENS  # a prompt that was blocked

    def of_kind(name: str, kind: str) -> list[int]:
        return [
            one.get("tokenCount", 0) for one in usage.get(name) or () if one.get("modality") == kind
        ]

    images = [
        *of_kind("promptTokensDetails", "IMAGE"),
        *of_kind("candidatesTokensDetails", "IMAGE"),
    ]
    heard, spoken = (
        of_kind("promptTokensDetails", "AUDIO"),
        of_kind("candidatesTokensDetails", "AUDIO"),
    )
    fresh = less(prompt, read)
    return Tokens(
        input=None if fresh is None else fresh + (number(usage, "toolUsePromptTokenCount") or 0),
        cache_read=read,
        output=(answer or 0) + (thoughts or 0),  # JSON of protobuf leaves zeros out
        reasoning=thoughts,
        input_audio=sum(heard) if heard else None,
        output_audio=sum(spoken) if spoken else None,
        images=sum(images) if images else None,
    )


def of_ollama(body: dict[str, Any]) -> Tokens:
    return Tokens(input=number(body, "prompt_eval_count"), output=number(body, "eval_count"))


def reported(record: Record) -> Tokens:
    """The provider's own figures of a response."""
    usage: dict[str, Any] = {}
    for body in bodies(record):
        match record.format:
            case "openai-chat" | "openai-completions":
                found = body.get("usage") or (body.get("x_groq") or {}).get("usage")
            case "openai-responses":
                found = (body.get("response") or body).get("usage")
            case "anthropic":
                found = (body.get("message") or body).get("usage")
            case "gemini":
                found = body.get("usageMetadata")
            case _:
                found = body if body.get("done") else None
        if isinstance(found, dict):
            kept = usage if record.format == "anthropic" else {}
            usage = kept | {name: value for name, value in found.items() if value is not None}
    if not usage:
        return NO_TOKENS
    return {
        "openai-chat": of_chat,
        "openai-completions": of_chat,
        "openai-responses": of_responses,
        "anthropic": of_anthropic,
        "gemini": of_gemini,
        "ollama": of_ollama,
    }[record.format](usage)


ANSWERS = [
    pytest.param(record, id=f"{name}-{record.id}")
    for name in FORMATS
    for record in (*replies(name), *streams(name))
]


def tokens_of(relay: Relay | OperationRelay | None) -> Tokens:
    usage = relay.usage if relay is not None else None
    return tokens_of_usage(usage) if usage is not None else NO_TOKENS


@needs_corpus
@pytest.mark.parametrize("record", ANSWERS)
def test_every_client_is_counted_the_providers_tokens(record: Record) -> None:
    expected = reported(record)
    for client in FORMATS:
        for streamed in (True, False):
            relay, _ = relayed(record, client, streamed)
            if not relay.failed:
                assert tokens_of(relay) == expected, (client, streamed)


CONFIG = "providers:\n" + "".join(
    f"  - {{name: p{number}, format: {name}, base-url: 'https://p{number}.example',"
    f" models: [m{number}], api-key: own-key-of-{number}}}\n"
    for number, name in enumerate(FORMATS)
)


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(make_runtime(CONFIG))


@needs_corpus
@pytest.mark.parametrize("record", ANSWERS)
def test_the_row_has_them(record: Record, pipeline: Pipeline) -> None:
    """Each record as the response to one client, whose format and wish the record's id chooses."""
    choice = int(record.id, 16)
    client, streamed = [*FORMATS][choice % len(FORMATS)], bool(choice // len(FORMATS) % 2)
    model = f"m{[*FORMATS].index(record.format)}"
    flow = call_flow(pipeline.runtime, client, model, stream=streamed)
    exchange = pipeline.begin(flow)
    attempt = pipeline.attempt(flow)
    pipeline.answer(attempt, record.sse.encode() if record.sse else record.response)
    if attempt.receiver is not None and attempt.receiver.failed:
        return  # what is no answer is counted elsewhere
    exchange.completed = True
    end = Ending(200, False, 1, None, time.monotonic(), time.time())
    row = record_of(exchange, rules_of(pipeline.runtime.snapshot), end)
    pipeline.over(flow)
    assert row.tokens == reported(record), (client, streamed)
    assert row.source == ("none" if row.tokens == NO_TOKENS else "reported")
    assert row.format_in == client and row.tries[0].format == record.format
