"""Requests in other formats' words that come to Chat Completions."""

import json
from typing import Any

import pytest

from switchyard.wire.formats.openai_chat.mixed_dialect import standard
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.registry import FORMATS

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
NESTED = {"type": "function", "function": {"name": "read", "parameters": SCHEMA}}


def asking(*tools: Any, **members: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [{"role": "user", "content": "Go."}],
        "tools": [*tools],
        **members,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
        asking(NESTED, {"type": "custom", "custom": {"name": "patch"}}),
        asking({"type": "openrouter:web_search"}, {"type": "web_search", "name": "search"}),
        {"model": "m", "messages": None, "tools": "none"},
        {"model": "m"},
    ],
)
def test_a_request_of_this_format_stays(body: dict[str, Any]) -> None:
    assert standard(body) is body


def test_tools_of_other_formats() -> None:
    flat = {"type": "function", "name": "read", "parameters": SCHEMA}
    bare = {"name": "write", "description": "Writes.", "input_schema": SCHEMA}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    custom = {"type": "custom", "name": "ApplyPatch", "description": "Edits.", "format": grammar}
    made = standard(asking(NESTED, flat, bare, custom))
    assert made["tools"] == [
        NESTED,
        NESTED,
        {
            "type": "function",
            "function": {"name": "write", "description": "Writes.", "parameters": SCHEMA},
        },
        {
            "type": "custom",
            "custom": {
                "name": "ApplyPatch",
                "description": "Edits.",
                "format": {
                    "type": "grammar",
                    "grammar": {"syntax": "lark", "definition": "start: /.+/"},
                },
            },
        },
    ]
    tools = FORMATS["openai-chat"].read_request(made).tools
    assert [(tool.kind, tool.name) for tool in tools] == [
        ("function", "read"),
        ("function", "read"),
        ("function", "write"),
        ("custom", "ApplyPatch"),
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "tool", "name": "read"}, {"type": "function", "function": {"name": "read"}}),
        ({"type": "function", "name": "read"}, {"type": "function", "function": {"name": "read"}}),
        ("required", "required"),
    ],
)
def test_tool_choices_of_other_formats(said: Any, meant: Any) -> None:
    bare = {"name": "read", "input_schema": SCHEMA}
    assert standard(asking(bare, tool_choice=said))["tool_choice"] == meant


@pytest.mark.parametrize("tool", [NESTED, {"name": "read", "input_schema": SCHEMA}])
def test_content_blocks_of_anthropics(tool: dict[str, Any]) -> None:
    image = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Read it."}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Reading."},
                {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "a"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "words"},
                        {"type": "image", "source": image},
                    ],
                },
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
                {"type": "text", "text": "And?"},
            ],
        },
    ]
    made = standard(asking(tool, messages=messages))
    data = "data:image/png;base64,iVBORw0KGgo="
    assert made["messages"] == [
        *messages[:2],
        {
            "role": "assistant",
            "content": "Reading.",
            "tool_calls": [
                {
                    "id": "t1",
                    "type": "function",
                    "function": {"name": "read", "arguments": '{"path":"a"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "words"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": data}},
                {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}},
                {"type": "text", "text": "And?"},
            ],
        },
    ]


def test_parts_that_only_have_the_name_of_such_a_block_stay() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}  # Mistral's
    messages = [{"role": "assistant", "content": [thinking, {"type": "image"}]}]
    flat = {"type": "function", "name": "read", "parameters": SCHEMA}
    assert standard(asking(flat, messages=messages))["messages"] == messages


def test_a_request_of_the_responses_api() -> None:
    body = {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Edit it."}]},
            {"type": "function_call", "call_id": "c", "name": "read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "words"},
        ],
        "tools": [
            {"type": "function", "name": "read", "parameters": SCHEMA},
            {"type": "custom", "name": "ApplyPatch"},
        ],
        "reasoning": {"effort": "high"},
        "stream": True,
    }
    made = standard(body)
    assert made["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Edit it."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "read", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "words"},
    ]
    assert made["tools"] == [NESTED | {}, {"type": "custom", "custom": {"name": "ApplyPatch"}}]
    assert (made["reasoning_effort"], made["stream"]) == ("high", True)
    assert "stream_options" not in made
    FORMATS["openai-chat"].read_request(json.loads(json.dumps(made)))


def test_a_wrong_request_says_what_is_wrong() -> None:
    with pytest.raises(BadRequest, match="neither type nor role"):
        standard({"model": "m", "input": [{}]})
