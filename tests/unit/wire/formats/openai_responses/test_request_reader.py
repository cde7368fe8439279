"""Requests of the Responses API: read, and written again without loss."""

import copy

import pytest

from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.envelope import seal
from switchyard.wire.shared.envelope import seal_call
from switchyard.wire.translate.losses import lost
from tests.unit.wire.formats.openai_responses.request_support import CODE_MODE
from tests.unit.wire.formats.openai_responses.request_support import EXEC
from tests.unit.wire.formats.openai_responses.request_support import FORMAT
from tests.unit.wire.formats.openai_responses.request_support import PNG
from tests.unit.wire.formats.openai_responses.request_support import REASONING
from tests.unit.wire.formats.openai_responses.request_support import SCHEMA
from tests.unit.wire.formats.openai_responses.request_support import body
from tests.unit.wire.formats.openai_responses.request_support import call
from tests.unit.wire.formats.openai_responses.request_support import message
from tests.unit.wire.formats.openai_responses.request_support import output
from tests.unit.wire.laws import request_identity

IDENTITIES = {
    "string input": {"model": "m", "input": "hi"},
    "no input": {"model": "m", "prompt": {"id": "pmpt_1"}},
    "null input": {"model": "m", "input": None, "previous_response_id": "resp_1"},
    "easy messages": body(
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": "c", "phase": "final_answer"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": []},
        {"role": "user", "content": ""},
    ),
    "full messages": body(
        message("system", "s"),
        message("developer", [{"type": "input_text", "text": "d"}], id="msg_1", status=None),
        message(
            "assistant",
            [
                {"type": "output_text", "text": "a", "annotations": [], "logprobs": []},
                {"type": "output_text", "text": "b"},
                {"type": "refusal", "refusal": "no"},
            ],
            id="msg_2",
            status="completed",
        ),
        message("assistant", [], id="msg_3"),
        message("assistant", [{"type": "odd"}], id="msg_4"),
    ),
    "content parts": body(
        message(
            "user",
            [
                {"type": "text", "text": "as chat writes it"},
                {
                    "type": "input_text",
                    "text": "t",
                    "prompt_cache_breakpoint": {"mode": "explicit"},
                },
                {"type": "input_image", "image_url": PNG, "detail": "high"},
                {"type": "input_image", "image_url": "https://a.example/b.png"},
                {"type": "input_image", "file_id": "file-1", "detail": "auto", "image_url": None},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                {"type": "input_image", "image_url": "data:image/png;charset=x;base64,AA"},
                {"type": "input_image"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"},
                {"type": "input_file", "file_data": "AAAA", "filename": "a.csv"},
                {"type": "input_file", "file_data": "data:text/plain;base64,aGk=", "filename": "a"},
                {"type": "input_file", "file_data": "data:text/plain;base64,/w=="},
                {"type": "input_file", "file_data": "data:audio/mpeg;base64,AAAA"},
                {"type": "input_file", "file_data": "data:,plain"},
                {"type": "input_file", "file_url": "https://a.example/b.pdf"},
                {"type": "input_file", "file_id": "file-2"},
                {"type": "input_file", "filename": "nothing"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "odd": 1}},
                {"type": "input_video", "video_url": "https://a.example/v.mp4"},
            ],
        ),
    ),
    "a whole turn": body(
        message("user", "hi"),
        REASONING,
        message("assistant", [{"type": "output_text", "text": "let me"}], phase="commentary"),
        call("c1", id="fc_1", status="completed"),
        call("c2", name="g", arguments="", namespace="ns"),
        {**call("c3"), "arguments": None},
        output("c1", "done"),
        output(
            "c2", [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": PNG}]
        ),
        output("c3", "", id="fco_1", status="completed"),
        output("c4", []),
        output("c5", None),
        output("c6", {"odd": 1}),
    ),
    "reasoning": body(
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA"},
        {**REASONING, "summary": [{"type": "summary_text", "text": t} for t in ("a", "b")]},
        {**REASONING, "content": []},
        {**REASONING, "content": None, "status": "completed"},
        {
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "encrypted_content": None,
        },
        {**REASONING, "content": [{"type": "reasoning_text", "text": "all of it"}]},
    ),
    "hosted tools": body(
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}},
        {
            "type": "local_shell_call",
            "id": "l",
            "call_id": "c",
            "action": {},
            "status": "completed",
        },
        {"type": "local_shell_call_output", "id": "lo", "output": "x"},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot"}},
        {"type": "image_generation_call", "id": "ig_1", "result": "AAAA", "status": "completed"},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_2"},
        {"type": "never_heard_of", "x": 1},
    ),
    "code mode": CODE_MODE,
    "tools": body(
        message("user", "hi"),
        tools=[
            {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True},
            {"type": "function", "name": "g", "description": None, "parameters": None},
            {"type": "function", "name": "h", "strict": None, "defer_loading": True},
            EXEC,
            {"type": "namespace", "name": "n", "description": "d", "tools": [EXEC, EXEC]},
            {"type": "namespace", "name": "n", "description": "e", "tools": [EXEC]},
            {"type": "namespace", "name": "empty", "description": "d", "tools": []},
            {"type": "web_search", "search_context_size": "low"},
            {"type": "mcp", "server_label": "s", "server_url": "https://a.example"},
        ],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
    ),
    "no tools": body(tools=[], tool_choice="none"),
    "settings": body(
        instructions="Be brief",
        max_output_tokens=5,
        temperature=0.5,
        top_p=None,
        top_logprobs=2,
        include=["message.output_text.logprobs"],
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}, "verbosity": "low"},
        reasoning={"effort": "low", "summary": None, "context": "all_turns"},
        metadata={"a": "b"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        service_tier="flex",
        store=True,
        stream=True,
        stream_options={"include_obfuscation": False},
        background=False,
        truncation="auto",
        conversation={"id": "conv_1"},
        never_heard_of={"x": [1]},
    ),
    "odd settings": body(
        instructions=None,
        text={},
        reasoning={"effort": None, "generate_summary": "concise"},
        temperature="hot",
        metadata=None,
        tools=None,
    ),
    "unknown text format": body(text={"format": {"type": "grammar", "x": 1}, "odd": 2}),
    "text without format": body(text={"format": None, "verbosity": "high"}),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_reading_and_writing_loses_nothing(name):
    request_identity(FORMAT, copy.deepcopy(IDENTITIES[name]))


def test_what_a_model_wrote_becomes_one_turn():
    c = FORMAT.read_request(IDENTITIES["a whole turn"])
    assert [turn.role for turn in c.turns] == ["user", "assistant", "user"]
    thinking, text, *calls = c.turns[1].parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.signature) == ("hm", "gAAA")
    assert (thinking.signer, thinking.id, thinking.summary) == ("openai-responses", "rs_1", True)
    assert isinstance(text, Text)
    assert [(p.id, p.name, p.namespace) for p in calls if isinstance(p, ToolCall)] == [
        ("c1", "f", None),
        ("c2", "g", "ns"),
        ("c3", "f", None),
    ]
    assert [p.call_id for p in c.turns[2].parts if isinstance(p, ToolResult)] == [
        "c1",
        "c2",
        "c3",
        "c4",
        "c5",
        "c6",
    ]


def test_encrypted_reasoning_without_words_is_redacted_and_an_empty_item_opaque():
    turns = FORMAT.read_request(IDENTITIES["reasoning"]).turns
    empty, encrypted, several, *_ = turns[0].parts
    assert isinstance(empty, Opaque)
    assert isinstance(encrypted, Thinking)
    assert (encrypted.redacted, encrypted.signature) == ("gAAA", None)
    assert isinstance(several, Thinking)
    assert several.text == "a\n\nb"


def test_content_is_read_into_media():
    [turn] = FORMAT.read_request(IDENTITIES["content parts"]).turns
    media = [p for p in turn.parts if isinstance(p, Media)]
    assert [(m.kind, m.media_type, m.data, m.url, m.file_id, m.text) for m in media] == [
        ("image", "image/png", "AAAA", None, None, None),
        ("image", None, None, "https://a.example/b.png", None, None),
        ("image", None, None, None, "file-1", None),
        ("image", "image/png", "AAAA", None, None, None),
        ("image", None, None, "data:image/png;charset=x;base64,AA", None, None),
        ("document", "application/pdf", "AAAA", None, None, None),
        ("document", "text/csv", "AAAA", None, None, None),
        ("document", "text/plain", None, None, None, "hi"),
        ("document", "text/plain", "/w==", None, None, None),
        ("audio", "audio/mpeg", "AAAA", None, None, None),
        ("document", None, None, "https://a.example/b.pdf", None, None),
        ("document", None, None, None, "file-2", None),
        ("audio", "audio/mpeg", "AAAA", None, None, None),
    ]
    assert [p.cache for p in turn.parts if isinstance(p, Text)][1] == {"type": "ephemeral"}


def test_tools_carried_in_the_input_are_tools():
    c = FORMAT.read_request(CODE_MODE)
    [tool] = c.tools
    assert (tool.kind, tool.name, tool.namespace) == ("custom", "exec", "functions")
    assert tool.grammar == EXEC["format"]
    assert c.reasoning is not None and c.reasoning.effort == "high"
    assert lost(c, "openai-chat") == []


def test_tools_found_by_search_are_added_once():
    found = {
        "type": "tool_search_output",
        "execution": "client",
        "call_id": "c",
        "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "new"}],
    }
    request = body(message("user", "hi"), found, tools=[{"type": "function", "name": "f"}])
    c = FORMAT.read_request(request)
    assert [tool.name for tool in c.tools] == ["f", "new"]
    assert FORMAT.write_request(c) == request


def test_a_namespace_is_put_on_each_of_its_tools():
    tools = FORMAT.read_request(IDENTITIES["tools"]).tools
    assert [(t.kind, t.name, t.namespace) for t in tools] == [
        ("function", "f", None),
        ("function", "g", None),
        ("function", "h", None),
        ("custom", "exec", None),
        ("custom", "exec", "n"),
        ("custom", "exec", "n"),
        ("custom", "exec", "n"),
        ("server", "empty", None),
        ("server", "web_search", None),
        ("server", "mcp", None),
    ]


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        ("required", ("required", None, (), False)),
        ({"type": "function", "name": "f"}, ("tool", "f", (), False)),
        ({"type": "custom", "name": "exec"}, ("tool", "exec", (), False)),
        ({"type": "web_search_preview"}, ("auto", None, (), False)),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}],
            },
            ("allowed", None, ("f",), True),
        ),
    ],
)
def test_tool_choice(choice, read):
    request = body(tools=[{"type": "function", "name": "f"}, EXEC], tool_choice=choice)
    c = FORMAT.read_request(request)
    assert c.tool_choice is not None
    chosen = c.tool_choice
    assert (chosen.mode, chosen.name, chosen.allowed, chosen.required) == read
    assert FORMAT.write_request(c) == request


def test_thinking_that_another_provider_signed_comes_back_to_it():
    part = Thinking(text="I think", signature="sig", signer="anthropic")
    item = {"type": "reasoning", "summary": [], "encrypted_content": seal(part)}
    c = FORMAT.read_request(body(item))
    [read] = c.turns[0].parts
    assert isinstance(read, Thinking)
    assert (read.text, read.signature, read.signer) == ("I think", "sig", "anthropic")
    assert FORMAT.write_request(c)["input"] == []


def test_the_proof_of_a_call_is_put_back_on_it():
    proof = ToolCall(id="c1", name="f", signature="sig", signer="gemini")
    item = {"type": "reasoning", "summary": [], "encrypted_content": seal_call(proof)}
    c = FORMAT.read_request(body(item, call("c1"), call("c2"), output("c1", "x")))
    one, two = (p for p in c.turns[0].parts if isinstance(p, ToolCall))
    assert (one.signature, one.signer) == ("sig", "gemini")
    assert two.signature is None


def test_a_damaged_envelope_leaves_the_words():
    sealed = seal(Thinking(text="x", signature="s", signer="anthropic"))[:-8]
    item = {**REASONING, "encrypted_content": sealed}
    [read] = FORMAT.read_request(body(item)).turns[0].parts
    assert isinstance(read, Thinking)
    assert (read.text, read.signature, read.redacted, read.signer) == ("hm", None, None, None)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        ({"input": "hi"}, "model"),
        ({"model": "", "input": "hi"}, "model"),
        ({"model": "m"}, "input"),
        ({"model": "m", "messages": []}, "input"),
        ({"model": "m", "input": 7}, "input"),
        (body("hi"), "input[0]"),
        (body({"content": "x"}), "input[0]"),
        (body({"role": "robot", "content": "x"}), "input[0].role"),
        (body({"role": "user", "content": 7}), "input[0].content"),
        (body({"type": "function_call", "call_id": "c"}), "input[0].name"),
        (body(tools={}), "tools"),
        (body(tools=["f"]), "tools[0]"),
        (body(tools=[{"type": "function"}]), "tools[0].name"),
        (body(tools=[{"type": "function", "function": {"name": "f"}}]), "tools[0].name"),
        (body(tools=[{"type": "function", "name": "f", "parameters": 1}]), "tools[0].parameters"),
        (body(tools=[{"type": "namespace", "name": "n", "tools": [1]}]), "tools[0].tools[0]"),
        (body(tool_choice="any"), "tool_choice"),
        (body(tool_choice=7), "tool_choice"),
        (body(text={"format": {"type": "json_schema", "name": "n"}}), "text.format.schema"),
    ],
)
def test_what_is_certainly_wrong_is_refused_with_its_place(request_, param):
    with pytest.raises(BadRequest) as raised:
        FORMAT.read_request(request_)
    assert raised.value.param == param
