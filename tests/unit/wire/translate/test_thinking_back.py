"""What a model demands of its history is there, remembered or stood in for."""

from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.translate.thinking_back import Demand
from switchyard.wire.translate.thinking_back import Led
from switchyard.wire.translate.thinking_back import answered
from switchyard.wire.translate.thinking_back import with_demanded

type Json = dict[str, Any]

CALLS = Demand(thinking="calls", thinking_stand_in=" ")
ALL = Demand(thinking="all", thinking_stand_in=" ")
SKIP = "skip_thought_signature_validator"
SIGNED = Demand(signature_stand_in=SKIP)


def nothing(id: str, name: str, arguments: str, after: Json) -> Led | None:
    return None


def memory(id: str, name: str, arguments: str, after: Json) -> Led | None:
    return Led("remembered", "SIG") if (id, name) == ("c1", "read") else None


def call(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": "read", "arguments": "{}"}, **more}


def chat(
    *messages: dict[str, Any], demand: Demand = CALLS, recall: Any = nothing, **more: Any
) -> Any:
    body = {"messages": [{"role": "user", "content": "go"}, *messages], **more}
    before = dumps(body)
    written = with_demanded(body, "openai-chat", demand, recall)
    assert dumps(body) == before
    return written["messages"][1:]


CALLING = {"role": "assistant", "content": None, "tool_calls": [call("c1")]}
SAYING = {"role": "assistant", "content": "a"}


def test_calls_have_thinking() -> None:
    assert chat(CALLING, SAYING) == [{**CALLING, "reasoning_content": " "}, SAYING]
    assert chat(CALLING, recall=memory) == [{**CALLING, "reasoning_content": "remembered"}]
    empty = {**CALLING, "reasoning_content": ""}
    assert chat(empty) == [{**CALLING, "reasoning_content": " "}]


def test_all_turns_have_thinking() -> None:
    assert [m["reasoning_content"] for m in chat(CALLING, SAYING, demand=ALL)] == [" ", " "]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_is_there_stays(name: str) -> None:
    message = {**CALLING, name: "thought"}
    assert chat(message, recall=memory) == [message]


@pytest.mark.parametrize("off", [{"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}])
def test_nothing_is_demanded_where_thinking_is_off(off: dict[str, Any]) -> None:
    assert chat(CALLING, **off) == [CALLING]


def test_without_a_stand_in_nothing_stands_in() -> None:
    assert chat(CALLING, demand=Demand(thinking="calls")) == [CALLING]


def test_thinking_in_tags() -> None:
    demand = Demand(thinking="calls", tag="think")
    (message,) = chat({**CALLING, "reasoning_content": "hm"}, demand=demand)
    assert message == {**CALLING, "content": "<think>\nhm\n</think>\n\n"}
    (message,) = chat(CALLING, demand=demand, recall=memory)
    assert message["content"] == "<think>\nremembered\n</think>\n\n"
    tagged = {**CALLING, "content": "<think>own</think>a"}
    assert chat(tagged, demand=demand, recall=memory) == [tagged]


def test_the_first_call_of_a_message_is_signed() -> None:
    message = {**CALLING, "tool_calls": [call("c8"), call("c9")]}
    (written,) = chat(message, demand=SIGNED)
    google = {"google": {"thought_signature": SKIP}}
    assert written["tool_calls"] == [call("c8", extra_content=google), call("c9")]
    (written,) = chat(CALLING, demand=SIGNED, recall=memory)
    assert written["tool_calls"][0]["extra_content"]["google"]["thought_signature"] == "SIG"
    signed = {
        **CALLING,
        "tool_calls": [call("c1", extra_content={"google": {"thought_signature": "X"}})],
    }
    assert chat(signed, demand=SIGNED, recall=memory) == [signed]


USE = {"type": "tool_use", "id": "c1", "name": "read", "input": {}}


def anthropic(content: Any, demand: Demand = CALLS, recall: Any = nothing, **more: Any) -> Any:
    body = {"messages": [{"role": "assistant", "content": content}], **more}
    return with_demanded(body, "anthropic", demand, recall)["messages"][0]["content"]


def test_anthropics_form() -> None:
    assert anthropic([USE]) == [{"type": "thinking", "thinking": " ", "signature": ""}, USE]
    assert anthropic([USE], recall=memory)[0]["thinking"] == "remembered"
    assert anthropic("a") == "a"
    assert [b["type"] for b in anthropic("a", ALL)] == ["thinking", "text"]
    assert anthropic([USE], thinking={"type": "disabled"}) == [USE]


@pytest.mark.parametrize(
    "thought",
    [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "thinking", "thinking": "t"},
        {"type": "redacted_thinking", "data": "x"},
    ],
)
def test_anthropics_thinking_stays(thought: dict[str, Any]) -> None:
    assert anthropic([thought, USE], recall=memory) == [thought, USE]


def function(id: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"id": id, "name": "read", "args": {}}, **more}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


RESULT = {"role": "user", "parts": [{"functionResponse": {"id": "c", "name": "read"}}]}


def gemini(*contents: Any, recall: Any = nothing) -> list[list[Any]]:
    body = {"contents": list(contents)}
    written = with_demanded(body, "gemini", SIGNED, recall)["contents"]
    return [[p.get("thoughtSignature") for p in c["parts"]] for c in written]


def test_the_first_call_of_each_step_is_signed() -> None:
    assert gemini(
        model(function("a"), function("b")), RESULT, model({"text": "t"}, function("c"))
    ) == [
        [SKIP, None],
        [None],
        [None, SKIP],
    ]


def test_what_geminis_client_dropped_comes_back() -> None:
    assert gemini(model(function("c1"), function("b")), recall=memory) == [["SIG", None]]


def test_neighbouring_contents_are_one_step() -> None:
    signed = function("a", thoughtSignature="OWN")
    assert gemini(model(signed), model(function("b")), RESULT) == [["OWN"], [None], [None]]


TOOL = {"role": "tool", "tool_call_id": "c1", "content": "r"}
USER = {"role": "user", "content": "go"}
PLACES = {
    "openai-chat": ("messages", USER, CALLING, TOOL),
    "anthropic": ("messages", USER, {"role": "assistant", "content": [USE]}, TOOL),
    "gemini": ("contents", USER, model(function("")), RESULT),
}


@pytest.mark.parametrize("format", PLACES)
def test_a_call_is_looked_up_by_what_it_answers(format: str) -> None:
    """That is what a request ended with whose reply made the call, in each step anew."""
    name, user, calling, result = PLACES[format]
    asked: list[Json] = []

    def recall(id: str, name: str, arguments: str, after: Json) -> Led | None:
        asked.append(after)
        return None

    demand = Demand(thinking="calls", thinking_stand_in=" ", signature_stand_in=SKIP)
    with_demanded({name: [user, calling, result, calling]}, format, demand, recall)
    # Chat's form is asked for a signature and for thinking.
    assert [one for one in (user, result) for _ in range(len(asked) // 2)] == asked
    assert [answered({name: [user]}), answered({name: [user, calling, result]})] == [user, result]
    assert answered({name: [user, calling]}) == user
    assert answered({}) == {}


@pytest.mark.parametrize(
    "format", ["openai-chat", "anthropic", "gemini", "openai-responses", "ollama"]
)
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": 1, "contents": 1},
        {"messages": [None, 1, {"role": "assistant", "content": [None, 1]}], "contents": [None]},
        {
            "messages": [{"role": "user", "content": "a"}],
            "contents": [{"role": "model", "parts": 1}],
        },
    ],
)
def test_bodies_without_calls_are_the_same_objects(format: str, body: dict[str, Any]) -> None:
    demand = Demand(thinking="calls", thinking_stand_in=" ", signature_stand_in=SKIP)
    assert with_demanded(body, format, demand, memory) is body
