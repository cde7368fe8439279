"""The same conversation one turn later is the same bytes and then more, in every target's format.

Providers keep a prompt's beginning for the next request; a changed byte in it is paid anew.
"""

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.support.runtime import Pipeline
from tests.support.runtime import call
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime
from tests.unit.wire.corpus import Record
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import requests

type Json = dict[str, Any]

CLIENTS = ("anthropic", "openai-chat", "openai-responses", "gemini", "ollama")
LISTS = {
    "anthropic": "messages",
    "openai-chat": "messages",
    "openai-responses": "input",
    "gemini": "contents",
    "ollama": "messages",
}
"""Where a request has its turns."""

TARGETS = {
    "claude-sonnet-4-5": "anthropic",
    "claude-opus-4-8": "anthropic",
    "claude-sonnet-4-5(high)": "anthropic",
    "gpt-5.1": "openai-chat",
    "gpt-5.2": "openai-responses",
    "gemini-3-pro": "gemini",
    "qwen3": "ollama",
    "davinci": "openai-completions",
}
"""Models, with the format of the provider that serves them."""

PROVIDERS = {format: f"{format}-home" for format in dict.fromkeys(TARGETS.values())}
CONFIG = "providers:\n" + "".join(
    f"  - {{name: {name}, format: {format}, base-url: 'https://{name}.example/v1', api-key: k}}\n"
    for format, name in PROVIDERS.items()
)

NO_PROMPT = {"max_tokens", "temperature", "top_p", "top_k"}
"""Members that shape the answer alone: caches do not depend on them (Anthropic's "Prompt caching",
what invalidates the cache)."""


@cache
def pipeline() -> Pipeline:
    return Pipeline(make_runtime(CONFIG))


def sent(client: str, target: str, body: Json) -> Json | None:
    """What the target's provider is sent for a client's request; None if it is refused."""
    path, small = call(client, f"{PROVIDERS[TARGETS[target]]}/{target}")
    whole = {**body, "model": small["model"]} if "model" in small else body
    flow = client_flow(pipeline().runtime, path, whole)
    pipeline().begin(flow)
    try:
        attempt = pipeline().attempt(flow)
        return None if attempt.request is None else json.loads(attempt.request.content or b"")
    finally:
        pipeline().over(flow)


def turns_so_far(client: str, body: Json) -> Iterator[Json]:
    """The requests that led to a conversation: each ends where the model spoke next."""
    name = LISTS[client]
    items = body[name]
    for place in range(1, len(items)):
        if is_answer(items[place]) and not is_answer(items[place - 1]):
            yield {**body, name: items[:place]}
    if not is_answer(items[-1]):
        yield body


def is_answer(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    role, kind = item.get("role"), str(item.get("type", "message"))
    if role is None and "parts" not in item and kind != "message":
        return not kind.endswith(("_call_output", "_approval_response"))
    return role in ("assistant", "model")


def check(client: str, target: str, body: Json) -> None:
    """Each request of a conversation begins with all of the one before."""
    before: Json | None = None
    for request in turns_so_far(client, body):
        after = sent(client, target, request)
        if before is not None and after is not None:
            begins_with(after, before, TARGETS[target])
        before = after


def begins_with(after: Json, before: Json, format: str) -> None:
    name = LISTS.get(format, "prompt")
    old, new = before[name], after[name]
    if isinstance(old, str):
        # A transcript ends with the word that the model goes on from; a question alone is none yet.
        said = old.removesuffix("\n\nAssistant:")
        assert new.startswith((said, f"User: {said}"))
    else:
        # An answer of which nothing can be written leaves the last turn open for more.
        assert json.dumps(new).startswith(json.dumps(old).rstrip('"]}'))
    rest_before = {k: json.dumps(v) for k, v in before.items() if k not in {name, *NO_PROMPT}}
    rest_after = {k: json.dumps(v) for k, v in after.items() if k not in {name, *NO_PROMPT}}
    if "thinking" in rest_before and "thinking" not in rest_after:
        # Claude before 4.7 refuses thinking beside calls whose thinking the client lost. From the
        # first such call on it gets none, so that this happens once.
        assert '"enabled"' in rest_before.pop("thinking")
    assert rest_after == rest_before


TEXTS = st.sampled_from(["Go on.", "", " ", "Zwölf — no\n", 'What does <x> & "y" say?'])
ARGUMENTS = st.sampled_from([{}, {"path": "a.py"}, {"b": 2, "a": [1, None, "é"]}])


@st.composite
def steps(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What is said: (`user`, text), (`model`, text, thought, calls), (`results`, {id: text})."""
    made: list[tuple[str, Any]] = [("user", draw(TEXTS))]
    count = 0
    late: dict[str, str] = {}
    thinks = draw(st.booleans())
    for _ in range(draw(st.integers(1, 4))):
        calls: list[tuple[str, Json]] = []
        for _ in range(draw(st.integers(0, 2))):
            count += 1
            calls.append((f"call_{count}", draw(ARGUMENTS)))
        text = draw(TEXTS)
        if not calls and not text.strip():
            text = "Done."
        made.append(("model", (text, thinks, calls)))
        results = {id: draw(TEXTS) for id, _ in calls}
        if results and draw(st.integers(0, 4)) == 0:
            late.update(results)  # the user spoke before a tool had ended
            results = {}
        if results:
            made.append(("results", results))
        if late and draw(st.booleans()):
            made.append(("results", late))
            late = {}
        if not results or draw(st.integers(0, 3)) == 0:
            said = draw(TEXTS)
            made.append(("user", said if said.strip() else "And?"))
    return made


def anthropic(said: list[tuple[str, Any]]) -> Json:
    messages: list[Json] = []
    for kind, what in said:
        if kind == "model":
            text, thought, calls = what
            content: list[Json] = []
            if thought:
                content.append({"type": "thinking", "thinking": "Hm.", "signature": "c2ln"})
            if text:
                content.append({"type": "text", "text": text})
            content += [
                {"type": "tool_use", "id": id, "name": "read", "input": arguments}
                for id, arguments in calls
            ]
            messages.append({"role": "assistant", "content": content})
            continue
        if kind == "user":
            content = [{"type": "text", "text": what}]
        else:
            content = [
                {"type": "tool_result", "tool_use_id": id, "content": text}
                for id, text in what.items()
            ]
        if messages and messages[-1]["role"] == "user":
            messages[-1]["content"] += content
        else:
            messages.append({"role": "user", "content": content})
    tool = {"name": "read", "input_schema": SCHEMA}
    return {"max_tokens": 4000, "system": "You help.", "tools": [tool], "messages": messages}


SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


def chat(said: list[tuple[str, Any]]) -> Json:
    messages: list[Json] = [{"role": "system", "content": "You help."}]
    for kind, what in said:
        match kind:
            case "user":
                messages.append({"role": "user", "content": what})
            case "results":
                messages += [
                    {"role": "tool", "tool_call_id": id, "content": text}
                    for id, text in what.items()
                ]
            case _:
                text, thought, calls = what
                message: Json = {"role": "assistant", "content": text or None}
                if thought:
                    message["reasoning_content"] = "Hm."
                if calls:
                    message["tool_calls"] = [
                        {
                            "id": id,
                            "type": "function",
                            "function": {"name": "read", "arguments": json.dumps(arguments)},
                        }
                        for id, arguments in calls
                    ]
                messages.append(message)
    function = {"name": "read", "parameters": SCHEMA}
    tools = [{"type": "function", "function": function}]
    return {"messages": messages, "tools": tools, "reasoning_effort": "medium"}


def ollama(said: list[tuple[str, Any]]) -> Json:
    body = chat(said)
    names = {}
    for message in body["messages"]:
        for one in message.get("tool_calls", ()):
            one["function"]["arguments"] = json.loads(one["function"]["arguments"])
            names[one["id"]] = "read"
        message["content"] = message["content"] or ""
    return {"messages": body["messages"], "tools": body["tools"], "think": True, "stream": False}


def responses(said: list[tuple[str, Any]]) -> Json:
    items: list[Json] = []
    for kind, what in said:
        match kind:
            case "user":
                items.append({"role": "user", "content": [{"type": "input_text", "text": what}]})
            case "results":
                items += [
                    {"type": "function_call_output", "call_id": id, "output": text}
                    for id, text in what.items()
                ]
            case _:
                text, thought, calls = what
                if thought:
                    items.append({"type": "reasoning", "summary": [], "encrypted_content": "eA=="})
                if text:
                    content = [{"type": "output_text", "text": text}]
                    items.append({"type": "message", "role": "assistant", "content": content})
                items += [
                    {
                        "type": "function_call",
                        "call_id": id,
                        "name": "read",
                        "arguments": json.dumps(arguments),
                    }
                    for id, arguments in calls
                ]
    tools = [{"type": "function", "name": "read", "parameters": SCHEMA}]
    return {
        "instructions": "You help.",
        "input": items,
        "tools": tools,
        "store": False,
        "reasoning": {"effort": "medium"},
    }


def gemini(said: list[tuple[str, Any]]) -> Json:
    contents: list[Json] = []
    for kind, what in said:
        match kind:
            case "user":
                contents.append({"role": "user", "parts": [{"text": what}]})
            case "results":
                contents.append(
                    {
                        "role": "user",
                        "parts": [
                            {
                                "functionResponse": {
                                    "id": id,
                                    "name": "read",
                                    "response": {"output": text},
                                }
                            }
                            for id, text in what.items()
                        ],
                    }
                )
            case _:
                text, thought, calls = what
                parts: list[Json] = [{"text": "Hm.", "thought": True}] if thought else []
                if text:
                    parts.append({"text": text})
                parts += [
                    {"functionCall": {"id": id, "name": "read", "args": arguments}}
                    for id, arguments in calls
                ]
                contents.append({"role": "model", "parts": parts})
    declared = [{"functionDeclarations": [{"name": "read", "parameters": SCHEMA}]}]
    config = {"thinkingConfig": {"thinkingLevel": "HIGH"}}
    return {
        "systemInstruction": {"parts": [{"text": "You help."}]},
        "contents": contents,
        "tools": declared,
        "generationConfig": config,
    }


WRITERS = {
    "anthropic": anthropic,
    "openai-chat": chat,
    "openai-responses": responses,
    "gemini": gemini,
    "ollama": ollama,
}


@pytest.mark.parametrize(("client", "target"), list(product(CLIENTS, TARGETS)))
@settings(max_examples=15)
@given(said=steps())
def test_a_conversation_goes_on_with_the_same_bytes(
    client: str, target: str, said: list[tuple[str, Any]]
) -> None:
    check(client, target, WRITERS[client](said))


REPLACED = ('"additional_tools"', '"tool_search', '"compaction"')
"""What changes a conversation's beginning in formats without such items: tools that are declared
later, and summaries that take the place of turns."""


def recorded(client: str) -> list[Record]:
    """Records of conversations with at least one answer in their history."""
    found = []
    for record in requests(client):
        items = (record.request or {}).get(LISTS[client])
        if not isinstance(items, list) or any(one in json.dumps(items) for one in REPLACED):
            continue
        if any(map(is_answer, items[1:])):
            found.append(record)
    return found


@needs_corpus
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("client", CLIENTS)
def test_recorded_conversations_go_on_with_the_same_bytes(client: str, target: str) -> None:
    broken: dict[str, str] = {}
    for record in recorded(client):
        try:
            check(client, target, record.request or {})
        except AssertionError as error:
            broken[record.id] = str(error)[:300]
    assert not broken
