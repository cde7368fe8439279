"""Requests of the Messages API, read and written in their own format."""

from typing import Any

import pytest

from switchyard.wire.formats.anthropic import Anthropic
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import seal_call
from tests.unit.wire import laws

FORMAT = Anthropic()

PIXEL = "iVBORw0KGgo="


def request(*content: dict[str, Any], role: str = "user", **members: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": list(content)}]
    return {"model": "claude-test", "max_tokens": 100, "messages": messages, **members}


def parts(*content: dict[str, Any], role: str = "user"):
    return FORMAT.read_request(request(*content, role=role)).turns[0].parts


TEXT = {"type": "text", "text": "Hello"}

IDENTITY: dict[str, dict[str, Any]] = {
    "text content": {**request(), "messages": [{"role": "user", "content": "Hello"}]},
    "null content": {**request(), "messages": [{"role": "assistant", "content": None}]},
    "system text": request(TEXT, system="Be brief."),
    "system blocks": request(TEXT, system=[{"type": "text", "text": "A", "cache_control": {}}]),
    "empty system": request(TEXT, system=[]),
    "system message": {
        **request(),
        "messages": [
            {"role": "system", "content": "First."},
            {"role": "user", "content": [TEXT]},
            {"role": "system", "content": [TEXT], "clear_at": "never"},
        ],
    },
    "tool addition": {
        **request(),
        "messages": [
            {
                "role": "system",
                "content": [
                    {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "f"}}
                ],
            }
        ],
    },
    "null members": request(
        TEXT, system=None, tools=None, tool_choice=None, temperature=None, thinking=None
    ),
    "cache control": request({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}),
    "citations": request(
        {
            **TEXT,
            "citations": [{"type": "char_location", "cited_text": "x", "document_index": 0}],
        },
        role="assistant",
    ),
    "no citations": request({**TEXT, "citations": None}, {**TEXT, "citations": []}),
    "image data": request(
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            "transformations": {},
        }
    ),
    "image url": request({"type": "image", "source": {"type": "url", "url": "https://a.test/i"}}),
    "image file": request({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
    "unknown source": request({"type": "image", "source": {"type": "star", "at": [1]}}),
    "source with more": request(
        {"type": "image", "source": {"type": "url", "url": "https://a.test/i", "ttl": 5}}
    ),
    "document": request(
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
        }
    ),
    "document of blocks": request(
        {"type": "document", "source": {"type": "content", "content": [TEXT]}, "title": None}
    ),
    "search result": request(
        {"type": "search_result", "source": "s", "title": "t", "content": [TEXT]}
    ),
    "thinking": request(
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        role="assistant",
    ),
    "tool use": request(
        {
            "type": "tool_use",
            "id": "toolu_1",
            "name": "f",
            "input": {"a": [1, 2.5, None, "é"]},
            "caller": {"type": "direct"},
        },
        {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}},
        role="assistant",
    ),
    "tool results": request(
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok", "is_error": False},
        {"type": "tool_result", "tool_use_id": "toolu_2"},
        {"type": "tool_result", "tool_use_id": "toolu_3", "content": [], "is_error": None},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_4",
            "is_error": True,
            "content": [
                TEXT,
                {"type": "image", "source": {"type": "url", "url": "https://a.test/i"}},
                {"type": "tool_reference", "tool_name": "f"},
            ],
        },
    ),
    "server blocks": request(
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"q": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {"type": "compaction", "content": "earlier"},
        {"type": "never_seen_before", "x": {"y": 1}},
        role="assistant",
    ),
    "tools": request(
        TEXT,
        tools=[
            {"name": "f", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "custom", "name": "g", "description": "G", "strict": True, "input_schema": {}},
            {"name": "h", "input_examples": [{}], "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"type": "mcp_toolset", "mcp_server_name": "m"},
        ],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    ),
    "no tools": request(TEXT, tools=[], stop_sequences=[]),
    "tool choices": request(TEXT, tool_choice={"type": "any", "x": 1}),
    "no choice": request(TEXT, tool_choice={"type": "none"}),
    "sampling": request(TEXT, temperature=1, top_p=0.9, top_k=4, stop_sequences=["END"]),
    "thinking budget": request(
        TEXT, thinking={"type": "enabled", "budget_tokens": 2000, "display": "omitted"}
    ),
    "thinking adaptive": request(
        TEXT,
        thinking={"type": "adaptive", "block_binding": {}},
        output_config={"effort": "max", "task_budget": {"type": "tokens", "total": 9}},
    ),
    "thinking off": request(TEXT, thinking={"type": "disabled"}, output_config={}),
    "thinking of a new type": request(TEXT, thinking={"type": "between_tools"}),
    "schema": request(
        TEXT, output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}}
    ),
    "older schema": request(
        TEXT, output_format={"type": "json_schema", "schema": {"type": "object"}, "name": "n"}
    ),
    "metadata": request(TEXT, metadata={"user_id": "u", "session": 1}),
    "empty metadata": request(TEXT, metadata={}),
    "the rest": request(
        TEXT,
        stream=True,
        service_tier="standard_only",
        container="c_1",
        mcp_servers=[{"type": "url", "url": "https://m.test", "name": "m"}],
        context_management={"edits": []},
        cache_control={"type": "ephemeral"},
    ),
}


@pytest.mark.parametrize("name", IDENTITY)
def test_identity(name: str):
    laws.request_identity(FORMAT, IDENTITY[name])


def test_a_proof_of_another_format_comes_back_and_goes_out_again():
    thinking = Thinking(text="hm", redacted="b2Zmc2hvcmU=", signer="openai-responses")
    sealed = {"type": "thinking", "thinking": "hm", "signature": seal(thinking)}
    call = ToolCall(id="c1", name="f", arguments="{}", signature="c2ln", signer="gemini")
    body = request(
        sealed,
        {"type": "redacted_thinking", "data": seal_call(call)},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
        role="assistant",
    )
    read_thinking, read_call = FORMAT.read_request(body).turns[0].parts
    assert isinstance(read_thinking, Thinking) and isinstance(read_call, ToolCall)
    assert (read_thinking.redacted, read_thinking.signer) == ("b2Zmc2hvcmU=", "openai-responses")
    assert (read_call.signature, read_call.signer) == ("c2ln", "gemini")
    laws.request_identity(FORMAT, body)


def test_a_damaged_envelope_leaves_the_words():
    damaged = seal(Thinking(text="hm", redacted="eA==", signer="gemini"))[:-6]
    (part,) = parts({"type": "thinking", "thinking": "hm", "signature": damaged}, role="assistant")
    assert isinstance(part, Thinking)
    assert (part.text, part.signature, part.signer) == ("hm", None, None)


def test_blocks_become_parts():
    text, image, document = parts(
        TEXT,
        {"type": "image", "source": {"type": "url", "url": "https://a.test/i.png"}},
        {
            "type": "document",
            "title": "T",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        },
    )
    assert text == Text(text="Hello")
    assert image == Media(kind="image", url="https://a.test/i.png")
    assert document == Media(
        kind="document", media_type="application/pdf", data="JVBERg==", name="T"
    )


def test_a_tool_result_says_whether_it_is_an_error():
    (part,) = parts(
        {"type": "tool_result", "tool_use_id": "t", "content": "boom", "is_error": True}
    )
    assert isinstance(part, ToolResult)
    assert (part.call_id, part.text, part.is_error) == ("t", "boom", True)


def test_words_other_formats_would_miss_are_rendered():
    result, compaction = parts(
        {
            "type": "search_result",
            "source": "https://a.test",
            "title": "Rates",
            "content": [{"type": "text", "text": "4 %"}],
        },
        {"type": "compaction", "content": "Earlier, they said hello."},
    )
    assert isinstance(result, Opaque) and isinstance(compaction, Opaque)
    assert result.text == "Rates\nhttps://a.test\n4 %"
    assert compaction.text == "Earlier, they said hello."


def test_tools_of_the_provider_are_never_calls_for_the_client():
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    (part,) = parts(block, role="assistant")
    assert part == Opaque(format="anthropic", kind="server_tool_use", raw=block)


def test_settings_are_read():
    c = FORMAT.read_request(
        request(
            TEXT,
            tool_choice={"type": "any", "disable_parallel_tool_use": True},
            output_config={"effort": "low"},
            thinking={"type": "enabled", "budget_tokens": 1024},
            metadata={"user_id": "u1"},
            stop_sequences=["a", "b"],
            stream=True,
        )
    )
    assert c.tool_choice is not None and c.tool_choice.mode == "required"
    assert c.parallel_tools is False
    assert c.reasoning is not None
    assert (c.reasoning.effort, c.reasoning.budget, c.reasoning.enabled) == ("low", 1024, True)
    assert (c.user, c.stop, c.stream, c.max_tokens) == ("u1", ("a", "b"), True, 100)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 4}, "model"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages.0.content.0"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages.0.content.0"),
        ({"system": 5}, "system"),
        ({"system": [5]}, "system.0"),
        ({"tools": {}, "x": 1}, None),
        ({"tools": {"a": 1}}, "tools"),
        ({"tools": ["f"]}, "tools.0"),
        ({"tools": [{"description": "d"}]}, "tools.0.name"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stop_sequences": "END"}, "stop_sequences"),
        ({"stop_sequences": [1]}, "stop_sequences"),
    ],
)
def test_what_is_certainly_wrong_is_refused(change: dict[str, Any], param: str | None):
    body = {**request(TEXT), **change}
    if param is None:
        FORMAT.read_request(body)
        return
    with pytest.raises(BadRequest) as caught:
        FORMAT.read_request(body)
    assert caught.value.param == param
    assert param in str(caught.value)


def test_stream_and_model_are_set_on_a_copy():
    body = request(TEXT)
    assert FORMAT.asks_stream(body, "/v1/messages") is None
    streamed = FORMAT.with_stream(body, True)
    assert FORMAT.asks_stream(streamed, "/v1/messages") is True
    assert FORMAT.with_stream(streamed, True) is streamed
    assert FORMAT.with_model(body, "other")["model"] == "other"
    assert FORMAT.with_model(body, "claude-test") is body
    assert "stream" not in body


def test_sealed_thinking_stays_behind_when_the_format_stays():
    sealed = seal(Thinking(text="hm"))
    own = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    body = {
        **request(),
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "hm", "signature": sealed}, own, TEXT],
            },
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": sealed}]},
        ],
    }
    written = FORMAT.without_sealed(body)
    assert written["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [own, TEXT]},
    ]
    assert FORMAT.without_sealed(written) is written
    assert len(body["messages"]) == 3
