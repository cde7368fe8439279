"""Members of a request that have another type than they should: never an error of the router's."""

import logging
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from mitmproxy import http

from tests.support.runtime import Pipeline
from tests.support.runtime import client_flow
from tests.support.runtime import make_runtime

UPSTREAMS = ("openai-chat", "openai-responses", "anthropic", "gemini", "ollama")
CONFIG = "providers:\n" + "".join(
    f"  - {{name: at-{one}, format: {one}, base-url: 'https://{one}.example', api-key: k}}\n"
    for one in UPSTREAMS
)
ODD = (3, -1.5, True, None, "", "x", [], ["x"], [None], {}, {"a": 1}, [{"a": 1}])

SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
PDF = "JVBERi0xLjQK"
CHAT = {
    "messages": [
        {"role": "system", "content": "You help."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            ],
        },
        {
            "role": "assistant",
            "content": "So.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}},
        {
            "type": "custom",
            "custom": {
                "name": "g",
                "description": "d",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}},
            },
        },
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": SCHEMA}},
    "stop": ["END"],
    "temperature": 0.5,
    "max_completion_tokens": 100,
    "reasoning_effort": "low",
    "metadata": {"user": "u"},
}
RESPONSES = {
    "instructions": "You help.",
    "input": [
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
                {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": "q", "sources": [{"url": "https://a.example"}]},
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "free"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
    ],
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
        {
            "type": "custom",
            "name": "g",
            "description": "d",
            "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
        },
        {"type": "web_search", "filters": {"allowed_domains": ["a.example"]}},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "r", "schema": SCHEMA}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "max_output_tokens": 100,
    "include": ["reasoning.encrypted_content"],
    "context_management": [{"type": "compaction", "compact_threshold": 1000}],
}
ANTHROPIC = {
    "system": [{"type": "text", "text": "You help.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look."},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
                {
                    "type": "document",
                    "title": "a",
                    "citations": {"enabled": True},
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"q": "x"}},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}},
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "s1",
                    "content": [{"type": "web_search_result", "url": "u", "title": "t"}],
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "done"}],
                }
            ],
        },
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 1},
    ],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "max_tokens": 2000,
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "You help."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "Look."},
                {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
                {"fileData": {"mimeType": "application/pdf", "fileUri": "https://a.example/a"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"name": "f", "args": {"q": "x"}}, "thoughtSignature": "c2ln"},
            ],
        },
        {
            "role": "user",
            "parts": [{"functionResponse": {"name": "f", "response": {"result": "done"}}}],
        },
    ],
    "tools": [
        {"functionDeclarations": [{"name": "f", "parameters": SCHEMA}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "maxOutputTokens": 100,
        "responseSchema": SCHEMA,
        "stopSequences": ["END"],
        "thinkingConfig": {"thinkingBudget": 1024},
    },
}
OLLAMA = {
    "messages": [
        {"role": "user", "content": "Look.", "images": ["iVBORw0KGgo="]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "f", "arguments": {"q": "x"}}}],
        },
        {"role": "tool", "tool_name": "f", "content": "done"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
    "format": SCHEMA,
    "options": {"num_predict": 100, "stop": ["END"]},
    "think": True,
}
PATHS = {
    "openai-chat": ("/v1/chat/completions", CHAT),
    "openai-responses": ("/v1/responses", RESPONSES),
    "anthropic": ("/v1/messages", ANTHROPIC),
    "gemini": ("/v1beta/models/{model}:generateContent", GEMINI),
    "ollama": ("/api/chat", OLLAMA),
}

type Path = tuple[str | int, ...]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(make_runtime(CONFIG))


@pytest.mark.parametrize("client", PATHS)
def test_none_is_an_internal_error(
    pipeline: Pipeline, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, body = PATHS[client]
    upstreams = cycle(UPSTREAMS)
    for place in places(body):
        for value in ODD:
            changed, upstream = put(body, place, value), next(upstreams)
            flow = ask(pipeline, path, f"at-{upstream}/m", changed)
            begin(pipeline, flow)
            told = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
            assert not told, (upstream, place, value)


def ask(pipeline: Pipeline, path: str, model: str, body: dict[str, Any]) -> http.HTTPFlow:
    if "{model}" in path:
        return client_flow(pipeline.runtime, path.format(model=model.replace("/", "%2F")), body)
    return client_flow(pipeline.runtime, path, {**body, "model": model})


def begin(pipeline: Pipeline, flow: http.HTTPFlow) -> None:
    """A request up to its attempt, as far as the router takes it."""
    pipeline.tell_request(flow)
    if flow.response is None:
        pipeline.attempt(flow)


def places(value: Any, before: Path = ()) -> Iterator[Path]:
    """Every member and item within a JSON value."""
    inside = value.items() if isinstance(value, dict) else ()
    inside = enumerate(value) if isinstance(value, list) else inside
    for key, one in inside:
        yield (*before, key)
        yield from places(one, (*before, key))


def put(value: Any, place: Path, new: object) -> Any:
    """A JSON value with another one at a place."""
    if not place:
        return new
    changed = value.copy()
    changed[place[0]] = put(value[place[0]], place[1:], new)
    return changed
