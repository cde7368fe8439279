"""Ollama's `/api/chat`: requests, answers, streams, errors."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.encoding.sse import Frame
from switchyard.wire.formats.ollama import Ollama
from switchyard.wire.model.conversation import Choice
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Media
from switchyard.wire.model.conversation import Opaque
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Refusal
from switchyard.wire.model.conversation import Reply
from switchyard.wire.model.conversation import Stop
from switchyard.wire.model.conversation import StopReason
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Thinking
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.model.conversation import ToolChoice
from switchyard.wire.model.conversation import ToolResult
from switchyard.wire.model.conversation import Turn
from switchyard.wire.model.conversation import Usage
from switchyard.wire.model.errors import ApiError
from switchyard.wire.model.errors import BadReply
from switchyard.wire.model.errors import BadRequest
from switchyard.wire.model.events import End
from switchyard.wire.model.events import Event
from switchyard.wire.model.events import Failure
from switchyard.wire.model.events import Finish
from switchyard.wire.model.events import PartStart
from switchyard.wire.model.events import Start
from switchyard.wire.model.events import TextDelta
from switchyard.wire.model.fold import fold
from switchyard.wire.model.fold import unfold
from switchyard.wire.model.model_list import ModelEntry
from switchyard.wire.registry import FORMATS
from switchyard.wire.shared.call_ids import is_made_up
from switchyard.wire.translate.losses import lost
from tests.unit.wire import laws
from tests.unit.wire.corpus import needs_corpus
from tests.unit.wire.corpus import replies
from tests.unit.wire.corpus import requests
from tests.unit.wire.corpus import streams
from tests.unit.wire.laws import ASKED
from tests.unit.wire.meaning import reply_meaning

OLLAMA = Ollama()

PNG = "iVBORw0KGgo="
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


def answer(message: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "created_at": "2026-01-02T03:04:05.123456789Z",
        "message": {"role": "assistant", **message},
        "done_reason": "stop",
        "done": True,
        "total_duration": 5,
        "prompt_eval_count": 3,
        "eval_count": 4,
        **members,
    }


def read_answer(body: dict[str, Any]) -> Reply:
    laws.reply_identity(OLLAMA, body)
    return OLLAMA.read_reply(body)


def stream(*lines: Any) -> list[Event]:
    reader = OLLAMA.stream_reader()
    events = [e for line in lines for e in reader.feed(Frame(dumps(line)))]
    return events + reader.close()


def lines_of(data: bytes) -> list[dict[str, Any]]:
    assert data.endswith(b"\n") or not data
    return [json.loads(line) for line in data.splitlines()]


def reply_of(*parts: Any, stop: StopReason = "end", **members: Any) -> Reply:
    choice = Choice(parts=parts, stop=Stop(reason=stop))
    return Reply(format="anthropic", id="x", model="m", choices=(choice,), **members)


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


def test_whole_answer():
    reply = read_answer(
        answer(
            {
                "content": "",
                "thinking": "hm",
                "images": [PNG],
                "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
            }
        )
    )
    thinking, image, call = reply.choice.parts
    assert thinking == Thinking(text="hm") and isinstance(image, Media)
    assert isinstance(call, ToolCall) and is_made_up(call.id)
    assert reply.choice.stop == Stop(reason="tool_calls", raw="stop")
    assert reply.usage == Usage(input=3, output=4)
    assert reply.created == 1767323045


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"done_reason": "length"}, "length"),
        ({"done_reason": "load"}, "other"),
        ({"done_reason": ""}, "end"),
    ],
)
def test_stop_reasons(members: dict[str, Any], reason: str):
    stop = OLLAMA.read_reply(answer({"content": "x"}, **members)).choice.stop
    assert stop and stop.reason == reason


def test_what_is_no_answer():
    for body in ({}, {"error": "no"}, {"message": "text"}):
        with pytest.raises(BadReply):
            OLLAMA.read_reply(body)


def test_foreign_answer():
    reply = reply_of(
        Thinking(text="hm"),
        Text(text="a"),
        Refusal(text="b"),
        Media(kind="image", data=PNG),
        ToolCall(id="c", name="f"),
        stop="length",
        usage=Usage(input=1, output=2),
        created=1_700_000_000,
    )
    body = OLLAMA.write_reply(reply, ASKED)
    assert body == {
        "model": "m",
        "created_at": "2023-11-14T22:13:20Z",
        "message": {
            "role": "assistant",
            "content": "ab",
            "thinking": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}],
        },
        "done_reason": "length",
        "done": True,
        "prompt_eval_count": 1,
        "eval_count": 2,
    }


def line(message: dict[str, Any], **members: Any) -> dict[str, Any]:
    created = "2026-01-02T03:04:05Z"
    said = {"role": "assistant", "content": "", **message}
    return {"model": "m", "created_at": created, "message": said, "done": False, **members}


def test_stream():
    events = stream(
        line({"thinking": "h"}),
        line({"thinking": "m"}),
        line({"content": "Hel"}),
        line({"content": "lo"}),
        line({"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
        line({"tool_calls": [{"id": "x", "function": {"name": "g", "arguments": {"a": 1}}}]}),
        answer({"content": ""}),
    )
    assert isinstance(events[-1], End)
    reply = fold("ollama", events)
    thinking, text, f, g = reply.choice.parts
    assert (thinking, text) == (Thinking(text="hm"), Text(text="Hello"))
    assert isinstance(f, ToolCall) and isinstance(g, ToolCall) and g.id == "x"
    assert reply.choice.stop and reply.choice.stop.reason == "tool_calls"
    assert reply.usage == Usage(input=3, output=4)
    last = lines_of(laws.write_stream(OLLAMA, events))[-1]
    assert (last["total_duration"], last["done"], last["eval_count"]) == (5, True, 4)


def test_stream_that_was_cut_or_failed():
    events = stream(line({"content": "Hel"}))
    assert not any(isinstance(event, Finish | End) for event in events)
    events = stream(line({"content": "Hel"}), {"error": "model runner has crashed"}, line({}))
    assert isinstance(events[-1], Failure)
    assert lines_of(laws.write_stream(OLLAMA, events))[-1] == {"error": "model runner has crashed"}


@pytest.mark.parametrize(
    "data",
    [b"no json", b"3", b"{}", b'{"message": 3}', b'{"message": {"content": 4, "tool_calls": 5}}'],
)
def test_nonsense_never_raises(data: bytes):
    reader = OLLAMA.stream_reader()
    reader.feed(Frame(data))
    reader.close()
    assert reader.close() == []


def test_writer_closes_what_nobody_ended():
    assert OLLAMA.stream_writer(ASKED).close() == b""
    writer = OLLAMA.stream_writer(ASKED)
    data = writer.feed(Start(model="m")) + writer.feed(PartStart(0, ToolCall(id="a", name="f")))
    data += writer.feed(TextDelta(7, "of no part")) + writer.feed(TextDelta(0, "x", choice=1))
    data += writer.close()
    call, last = lines_of(data)
    assert call["message"]["tool_calls"][0]["function"]["name"] == "f" and last["done"]
    assert writer.close() == b"" and writer.feed(End()) == b""


def test_mender():
    body = dumps(line({"content": "a"}))
    mender = OLLAMA.mender(ASKED)
    assert mender.feed(Frame(body, raw=body + b"\n"), [TextDelta(0, "a")]) == body + b"\n"
    assert mender.feed(Frame(body), []) == body + b"\n"
    assert mender.feed(Frame(b"junk"), []) == b""
    assert lines_of(mender.fail(ApiError(message="gone"))) == [{"error": "gone"}]
    assert mender.fail(ApiError(message="x")) == mender.feed(Frame(body), []) == b""
    ended = OLLAMA.mender(ASKED)
    assert ended.feed(Frame(body), [End()]) and ended.feed(Frame(body), []) == b""
    assert ended.close([]) == b""


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"error": "model 'x' not found"}, "not_found", "model 'x' not found"),
        ({"error": "unauthorized"}, "authentication", "unauthorized"),
        ({"error": "server busy, please try again"}, "overloaded", None),
        ({"error": {"message": "m", "code": 429}}, "rate_limit", "m"),
        ({"error": {"message": "m", "code": "429"}}, "rate_limit", "m"),
        ([{"error": "x"}], "server", "x"),
        ({"detail": "d"}, "server", "d"),
        ({"errors": [{"msg": "e"}]}, "server", "e"),
        ({"message": "not found"}, "not_found", "not found"),
    ],
)
def test_errors_are_found(body: Any, kind: str, message: str | None):
    error = OLLAMA.find_error(body)
    assert error and error.kind == kind
    assert message is None or error.message == message


def test_answers_are_no_errors():
    for body in (
        answer({"content": "x"}),
        {"response": "x", "error": ""},
        {"models": []},
        {},
        3,
        [],
    ):
        assert OLLAMA.find_error(body) is None  # type: ignore[arg-type]


def test_errors_are_written():
    error = ApiError(message="slow", kind="rate_limit", attempts=({"provider": "p"},))
    assert OLLAMA.write_error(error) == (
        429,
        {"error": "slow", "switchyard": {"attempts": [{"provider": "p"}]}},
    )
    body = {"error": "gone", "more": 1}
    found = OLLAMA.find_error(body)
    assert found and OLLAMA.write_error(found) == (500, body)


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


PARTS = st.one_of(
    st.builds(Text, text=st.text(min_size=1)),
    st.builds(Thinking, text=st.text(min_size=1)),
    st.builds(ToolCall, id=st.just("a"), name=st.just("f"), arguments=st.just('{"a": 1}')),
)


@given(st.lists(PARTS, max_size=6))
def test_any_answer_survives_being_streamed(parts: list[Any]):
    reply = reply_of(*parts, usage=Usage(input=5, output=7))
    again = laws.read_stream(OLLAMA, laws.write_stream(OLLAMA, unfold(reply)))
    assert sum(isinstance(event, End) for event in again) == 1
    meant = reply_meaning(reply)
    if any(isinstance(part, ToolCall) for part in parts):
        meant["stop"] = "tool_calls"
    assert reply_meaning(fold("ollama", again)) == meant
    assert reply_meaning(OLLAMA.read_reply(OLLAMA.write_reply(reply, ASKED))) == meant


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 40))
def test_damaged_streams_never_raise(junk: bytes, at: int, length: int):
    reply = reply_of(Thinking(text="hm"), Text(text="hi"), ToolCall(id="a", name="f"))
    data = laws.write_stream(OLLAMA, unfold(reply))
    events = laws.read_stream(OLLAMA, data[:at] + junk + data[at + length :])
    assert sum(isinstance(event, End | Failure) for event in events) <= 1
    lines_of(laws.write_stream(OLLAMA, events))


sdk = pytest.importorskip("ollama", reason="ollama's SDK is not installed")
sdk_types = pytest.importorskip("ollama._types")


def client(data: bytes, content_type: str = "application/json", status: int = 200) -> Any:
    response = httpx.Response(status, content=data, headers={"content-type": content_type})
    return sdk.Client(host="http://x", transport=httpx.MockTransport(lambda request: response))


REPLY = reply_of(
    Thinking(text="hm"),
    Text(text="Grüße"),
    ToolCall(id="c", name="f", arguments='{"a":1}'),
    stop="tool_calls",
    usage=Usage(input=1, output=2),
)


def test_client_reads_a_whole_answer():
    found = client(dumps(OLLAMA.write_reply(REPLY, ASKED))).chat("m", [])
    assert (found.message.content, found.message.thinking) == ("Grüße", "hm")
    assert found.message.tool_calls[0].function.arguments == {"a": 1}
    assert (found.done, found.prompt_eval_count, found.eval_count) == (True, 1, 2)


def test_client_reads_a_stream():
    data = laws.write_stream(OLLAMA, unfold(REPLY))
    found = list(client(data, OLLAMA.content_type).chat("m", [], stream=True))
    assert "".join(chunk.message.content or "" for chunk in found) == "Grüße"
    assert "".join(chunk.message.thinking or "" for chunk in found) == "hm"
    assert [chunk.done for chunk in found] == [False, False, False, True]


def test_client_understands_errors():
    status, body = OLLAMA.write_error(ApiError(message="no such model", kind="not_found"))
    with pytest.raises(sdk.ResponseError, match="no such model"):
        client(dumps(body), status=status).chat("m", [])
    writer = OLLAMA.stream_writer(ASKED)
    data = writer.feed(Failure(ApiError(message="gone")))
    with pytest.raises(sdk.ResponseError, match="gone"):
        list(client(data, OLLAMA.content_type).chat("m", [], stream=True))


def test_client_lists_models():
    models = OLLAMA.write_models([ModelEntry("glm/x", "glm", created=1_700_000_000)])
    (listed,) = client(dumps(models)).list().models
    assert listed.model == "glm/x"


@needs_corpus
@pytest.mark.parametrize("name", list(FORMATS))
def test_types_parse_everything_recorded(name: str):
    format = FORMATS[name]
    for record in requests(name):
        assert record.request is not None
        written = OLLAMA.write_request(laws.named(format.read_request(record.request)))
        if name != "ollama":
            sdk_types.ChatRequest.model_validate(written)
    for record in replies(name):
        if format.find_error(record.response) is None and "contentType" not in record.response:
            body = OLLAMA.write_reply(format.read_reply(record.response), ASKED)
            sdk.ChatResponse.model_validate(body)
    for record in streams(name):
        assert record.sse is not None
        events = laws.read_stream(format, record.sse.encode())
        for said in lines_of(laws.write_stream(OLLAMA, events)):
            assert "error" in said or sdk.ChatResponse.model_validate(said)


def test_an_answer_without_choices_is_an_empty_one():
    reply = replace(reply_of(Text(text="x")), choices=())
    assert OLLAMA.write_reply(reply, ASKED)["done_reason"] == "stop"


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
