"""Requests of `/api/chat`: read, written, and both without loss."""

from typing import Any

import pytest

from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.shared.call_ids import is_made_up
from switchyard.wire.translate.losses import lost
from tests.unit.wire import laws
from tests.unit.wire.formats.ollama.support import OLLAMA
from tests.unit.wire.formats.ollama.support import PNG

JPEG = "/9j/4AAQSkZJRg=="


def read(*messages: Any, **members: Any) -> Conversation:
    """Read, after seeing that nothing is lost."""
    body = {"model": "m", "messages": list(messages), **members}
    laws.request_identity(OLLAMA, body)
    return OLLAMA.read_request(body)


def write(*turns: Turn, **members: Any) -> dict[str, Any]:
    c = Conversation(format="openai-chat", model="m", turns=turns, **members)
    return OLLAMA.write_request(c)


def user(*parts: Any) -> Turn:
    return Turn(role="user", parts=parts)


HI = user(Text(text="Hi"))


def test_messages():
    c = read(
        {"role": "system", "content": "Be"},
        {"role": "user", "content": "Look", "images": [PNG, JPEG, "!"]},
        {"role": "assistant", "content": "", "thinking": "hm", "extra": 1},
        {"role": "user", "content": None, "images": []},
        {"role": "user"},
    )
    assert [turn.role for turn in c.turns] == ["system", "user", "assistant", "user", "user"]
    text, png, jpeg, unknown = c.turns[1].parts
    assert isinstance(text, Text)
    kinds = [part.media_type for part in (png, jpeg, unknown) if isinstance(part, Media)]
    assert kinds == ["image/png", "image/jpeg", "image/png"]
    assert c.turns[2].parts == (Thinking(text="hm"),)


def test_tool_loop_without_ids():
    c = read(
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"function": {"name": "f", "arguments": {"a": 1}}},
                {"function": {"index": 1, "name": "g", "arguments": {}}},
                {"id": "c", "type": "function", "function": {"name": "h", "arguments": '{"b":2}'}},
            ],
        },
        {"role": "tool", "content": "G", "tool_name": "g"},
        {"role": "tool", "content": "F"},
        {"role": "tool", "content": "H", "tool_call_id": "c", "images": [PNG]},
    )
    calls = [part for part in c.parts() if isinstance(part, ToolCall)]
    results = [part for part in c.parts() if isinstance(part, ToolResult)]
    assert [call.arguments for call in calls] == ['{"a":1}', "{}", '{"b":2}']
    assert [is_made_up(call.id) for call in calls] == [True, True, False]
    assert [result.call_id for result in results] == [calls[1].id, calls[0].id, "c"]
    assert isinstance(results[2].parts[1], Media)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": [3]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "robot"}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": []}]}, "messages[0].role"),
    ],
)
def test_what_is_certainly_wrong(body: dict[str, Any], param: str):
    with pytest.raises(BadRequest) as caught:
        OLLAMA.read_request(body)
    assert caught.value.param == param


def test_settings():
    c = read(
        stream=True,
        keep_alive="5m",
        format={"type": "object"},
        think="high",
        logprobs=True,
        top_logprobs=2,
        options={
            "num_predict": 9,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "seed": 1,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "stop": ["x"],
            "num_ctx": 4096,
        },
    )
    assert (c.max_tokens, c.temperature, c.top_p, c.top_k, c.seed) == (9, 0.5, 0.9, 40, 1)
    assert (c.presence_penalty, c.frequency_penalty, c.stop) == (0.1, 0.2, ("x",))
    assert (c.logprobs, c.top_logprobs, c.stream) == (True, 2, True)
    assert c.output and (c.output.kind, c.output.schema) == ("json_schema", {"type": "object"})
    assert c.reasoning == Reasoning(enabled=True, effort="high")


def test_empty_and_odd_settings():
    read(format="", options={}, keep_alive=None, tools=[], think=None, stream=False)
    c = read(format="json", options={"num_predict": -1, "stop": "x"}, think=False)
    assert c.output == Output(kind="json_object")
    assert (c.max_tokens, c.stop, c.reasoning) == (None, ("x",), Reasoning(enabled=False))
    read(options=None, tools=None, format=None)


def test_tools():
    c = read(
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "F", "parameters": {"type": "object"}},
            },
            {"type": "function", "function": {"name": "g", "description": "", "strict": True}},
        ]
    )
    assert [(t.name, t.description, t.parameters) for t in c.tools] == [
        ("f", "F", {"type": "object"}),
        ("g", None, None),
    ]


@pytest.mark.parametrize("turns", [[], [user(Text(text=""))], [user()]])
def test_a_foreign_request_without_words_has_a_message(turns: list[Turn]):
    assert write(*turns)["messages"] == [{"role": "user", "content": "."}]


def test_foreign_messages_keep_their_order():
    written = write(
        Turn(role="developer", parts=(Text(text="one"), Text(text="two"))),
        user(
            Media(kind="image", data=PNG),
            Text(text="a"),
            Text(text="b"),
            Media(kind="image", data=JPEG),
            Media(kind="image", url="https://x.example/a.png"),
            Media(kind="document", text="doc"),
            Media(kind="document", data="AAAA"),
        ),
        Turn(
            role="assistant",
            parts=(
                Thinking(text="hm", signature="s", signer="anthropic"),
                Refusal(text="no"),
                ToolCall(id="1", name="f", arguments="{broken"),
                ToolCall(id="2", name="g", arguments="free", kind="custom"),
                Opaque(format="x", kind="y", raw={}, text="words"),
            ),
        ),
        user(
            Text(text="and"),
            ToolResult(call_id="1", parts=(Text(text="r"), Media(kind="image", data=PNG))),
            ToolResult(call_id="9", parts=(Text(text="x"), Text(text="y"))),
        ),
    )
    assert written["messages"] == [
        {"role": "system", "content": "one\n\ntwo"},
        {"role": "user", "content": "", "images": [PNG]},
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b", "images": [JPEG]},
        {"role": "user", "content": "doc"},
        {
            "role": "assistant",
            "thinking": "hm",
            "content": "no",
            "tool_calls": [
                {"id": "1", "function": {"name": "f", "arguments": {"arguments": "{broken"}}},
                {"id": "2", "function": {"name": "g", "arguments": {"input": "free"}}},
            ],
        },
        {"role": "assistant", "content": "words"},
        {
            "role": "tool",
            "content": "r",
            "tool_name": "f",
            "tool_call_id": "1",
            "images": [PNG],
        },
        {"role": "tool", "content": "x\ny", "tool_call_id": "9"},
        {"role": "user", "content": "and"},
    ]


TOOLS = (
    Tool(name="f", parameters={"type": "object"}),
    Tool(name="g", kind="custom", description="G"),
    Tool(name="s", kind="server", format="gemini"),
)


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        (None, ["f", "g"]),
        (ToolChoice(mode="required"), ["f", "g"]),
        (ToolChoice(mode="none"), []),
        (ToolChoice(mode="tool", name="g"), ["g"]),
        (ToolChoice(mode="allowed", allowed=("f",)), ["f"]),
    ],
)
def test_only_what_may_be_called_is_offered(choice: ToolChoice | None, offered: list[str]):
    written = write(HI, tools=TOOLS, tool_choice=choice)
    assert [tool["function"]["name"] for tool in written.get("tools", [])] == offered


@pytest.mark.parametrize(
    ("reasoning", "think"),
    [
        (Reasoning(effort="minimal"), "low"),
        (Reasoning(effort="xhigh"), "high"),
        (Reasoning(effort="none"), False),
        (Reasoning(enabled=False), False),
        (Reasoning(budget=1000), True),
        (Reasoning(summary="auto"), None),
    ],
)
def test_foreign_reasoning(reasoning: Reasoning, think: Any):
    assert write(HI, reasoning=reasoning).get("think") == think


def test_losses_are_told():
    c = Conversation(
        format="openai-chat",
        model="m",
        turns=(user(Media(kind="image", url="https://x.example/a.png")),),
        tools=TOOLS,
        tool_choice=ToolChoice(mode="none"),
        parallel_tools=False,
    )
    assert lost(c, "ollama") == [
        "image-url",
        "parallel_tools",
        "server-tools",
        "tool_choice",
        "tools",
    ]


def test_format():
    assert OLLAMA.asks_stream({}, "/api/chat") is True
    assert OLLAMA.asks_stream({"stream": False}, "/api/chat") is False
    body = {"model": "a", "stream": True}
    assert OLLAMA.with_model(body, "a") is body and OLLAMA.with_stream(body, True) is body
    assert OLLAMA.with_stream(OLLAMA.with_model(body, "b"), False) == {
        "model": "b",
        "stream": False,
    }
    assert OLLAMA.path("m", True) == "/chat"


@pytest.mark.parametrize(
    ("model", "think", "sent"),
    [
        ("qwen3:8b", "high", True),
        ("gpt-oss:20b", "high", "high"),
        ("qwen3:8b", False, False),
        ("qwen3:8b", None, None),
    ],
)
def test_levels_of_thinking_are_for_models_that_have_them(model: str, think: Any, sent: Any):
    """Ollama: "think value \"high\" is not supported for this model"."""
    body = {"model": "x", "messages": [], **({} if think is None else {"think": think})}
    assert OLLAMA.with_model(body, model).get("think") == sent
    assert body.get("think") == think
