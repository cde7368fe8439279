"""The official SDKs against every upstream format: what was said is what is read."""

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.integration.e2e.asking import How
from tests.integration.e2e.asking import anthropic_tools
from tests.integration.e2e.asking import ask
from tests.integration.e2e.asking import chat_tools
from tests.integration.e2e.asking import of_completion
from tests.integration.e2e.asking import of_message
from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import SHORT
from tests.integration.e2e.stage import Stage
from tests.integration.e2e.stage import fresh_model
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import Dialect
from tests.support.answers import saying
from tests.support.reading import Told
from tests.support.steps import Behaviour
from tests.support.steps import whole
from tests.support.upstream import Recorded

type Client = openai.OpenAI | anthropic.Anthropic

WEATHER = Call("call_w1", "weather", '{"city": "Oslo"}')
CLOCK = Call("call_c2", "clock", '{"zone": "Europe/Oslo", "format": "24h"}')

STOPS = {
    "openai-chat": {"end": "stop", "tools": "tool_calls", "length": "length"},
    "anthropic": {"end": "end_turn", "tools": "tool_use", "length": "max_tokens"},
}

upstream_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
ways = pytest.mark.parametrize("how", ["json", "stream", "helper"])


@pytest.fixture(params=["openai", "anthropic"])
def client(
    request: pytest.FixtureRequest,
    openai_client: openai.OpenAI,
    anthropic_client: anthropic.Anthropic,
) -> Client:
    return openai_client if request.param == "openai" else anthropic_client


def own(client: Client) -> Dialect:
    return CHAT if isinstance(client, openai.OpenAI) else ANTHROPIC


def tools_of(client: Client) -> list[Any]:
    return chat_tools() if isinstance(client, openai.OpenAI) else anthropic_tools()


def assert_means(told: Told, answer: Answer, stop: str) -> None:
    assert told.text == answer.text
    assert told.stop == stop
    assert [(c.id, c.name, json.loads(c.arguments)) for c in told.calls] == [
        (c.id, c.name, c.input) for c in answer.calls
    ]
    assert (told.input, told.cached, told.output) == (answer.input, answer.cached, answer.output)


@upstream_formats
@ways
def test_text(stage: Stage, client: Client, dialect: Dialect, how: How) -> None:
    model, plan = stage.on(dialect, saying(dialect))

    told = ask(client, model, how)

    assert_means(told, Answer(), STOPS[own(client).name]["end"])
    (request,) = plan.requests
    assert request.path == dialect.path
    assert request.streams == (how != "json")
    assert request.json["model"] == model.partition("/")[2]
    assert request.key == KEY
    assert CLIENT_KEY not in str(request.headers)


@upstream_formats
@ways
def test_parallel_tool_calls(stage: Stage, client: Client, dialect: Dialect, how: How) -> None:
    answer = Answer(text="I shall ask.").with_calls(WEATHER, CLOCK)
    model, plan = stage.on(dialect, saying(dialect, answer))

    told = ask(client, model, how, tools=tools_of(client))

    assert_means(told, answer, STOPS[own(client).name]["tools"])
    tools = plan.requests[0].json["tools"]
    expected = chat_tools() if dialect is CHAT else anthropic_tools()
    assert [_essence(tool) for tool in tools] == [_essence(tool) for tool in expected]


def _essence(tool: dict[str, Any]) -> tuple[str, str, str]:
    tool = tool.get("function", tool)
    schema = tool.get("parameters") or tool.get("input_schema")
    return tool["name"], tool["description"], json.dumps(schema, sort_keys=True)


@upstream_formats
@ways
def test_tool_calls_without_text(stage: Stage, client: Client, dialect: Dialect, how: How) -> None:
    answer = Answer(text="").with_calls(WEATHER)
    model, _ = stage.on(dialect, saying(dialect, answer))
    told = ask(client, model, how, tools=tools_of(client))
    assert_means(told, answer, STOPS[own(client).name]["tools"])


@upstream_formats
@ways
def test_thinking(stage: Stage, client: Client, dialect: Dialect, how: How) -> None:
    answer = Answer(thinking="Let me think. It is simple.")
    model, _ = stage.on(dialect, saying(dialect, answer))

    told = ask(client, model, how)

    assert_means(told, answer, STOPS[own(client).name]["end"])
    assert told.thinking == answer.thinking


@upstream_formats
@ways
def test_an_answer_cut_by_the_token_limit(
    stage: Stage, client: Client, dialect: Dialect, how: How
) -> None:
    answer = Answer(text="As I was", stop=STOPS[dialect.name]["length"])
    model, _ = stage.on(dialect, saying(dialect, answer))
    told = ask(client, model, how)
    assert_means(told, answer, STOPS[own(client).name]["length"])


@upstream_formats
def test_raw_events_of_openai_streams(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect
) -> None:
    model, _ = stage.on(dialect, saying(dialect))
    kinds = ask(openai_client, model, "stream").kinds
    assert kinds[-1] == "usage" and kinds.count("usage") == 1 and len(kinds) > 3


@upstream_formats
def test_raw_events_of_anthropic_streams(
    stage: Stage, anthropic_client: anthropic.Anthropic, dialect: Dialect
) -> None:
    answer = Answer(text="Two words").with_calls(WEATHER)
    model, _ = stage.on(dialect, saying(dialect, answer))

    kinds = [kind for kind in ask(anthropic_client, model, "stream").kinds if kind != "ping"]

    assert kinds == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "content_block_start"),
        *["content_block_delta"] * (len(kinds) - 9),
        *("content_block_stop", "message_delta", "message_stop"),
    ]


@upstream_formats
@pytest.mark.parametrize("how", ["json", "helper"])
def test_a_whole_tool_loop_with_openai(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect, how: How
) -> None:
    asked = Answer(text="", stop="").with_calls(WEATHER, CLOCK)
    model, plan = stage.on(dialect, saying(dialect, asked), saying(dialect))
    messages: list[Any] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it like in Oslo?"},
    ]

    first = ask(openai_client, model, how, messages=messages, tools=chat_tools())
    calls = [
        {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
        for c in first.calls
    ]
    messages += [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "rain"},
        {"role": "tool", "tool_call_id": calls[1]["id"], "content": "12:30"},
    ]
    second = ask(openai_client, model, how, messages=messages, tools=chat_tools())

    assert second.text == Answer().text
    _assert_tool_turn(plan.requests[1].json, dialect)


@upstream_formats
@pytest.mark.parametrize("how", ["json", "helper"])
def test_a_whole_tool_loop_with_anthropic(
    stage: Stage, anthropic_client: anthropic.Anthropic, dialect: Dialect, how: How
) -> None:
    asked = Answer(text="", stop="").with_calls(WEATHER, CLOCK)
    model, plan = stage.on(dialect, saying(dialect, asked), saying(dialect))
    messages: list[Any] = [{"role": "user", "content": "What is it like in Oslo?"}]
    params: dict[str, Any] = {"system": "Be brief.", "tools": anthropic_tools()}

    first = ask(anthropic_client, model, how, messages=messages, **params)
    calls = [
        {"type": "tool_use", "id": c.id, "name": c.name, "input": c.input} for c in first.calls
    ]
    results = [
        {"type": "tool_result", "tool_use_id": calls[0]["id"], "content": "rain"},
        {
            "type": "tool_result",
            "tool_use_id": calls[1]["id"],
            "content": [{"type": "text", "text": "12:30"}],
        },
    ]
    messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    second = ask(anthropic_client, model, how, messages=messages, **params)

    assert second.text == Answer().text
    _assert_tool_turn(plan.requests[1].json, dialect)


@upstream_formats
@pytest.mark.parametrize("how", ["json", "helper"])
def test_ids_that_an_upstream_gives_twice(
    stage: Stage, anthropic_client: anthropic.Anthropic, dialect: Dialect, how: How
) -> None:
    """Some count the calls of each answer from 0; clients tell calls apart by their ids."""
    asked = Answer(text="").with_calls(Call("call_0", "weather", '{"city": "Oslo"}'))
    model, _ = stage.on(dialect, always=saying(dialect, asked))
    messages: list[Any] = [{"role": "user", "content": "What is it like in Oslo?"}]
    seen = []
    for _turn in range(3):
        (call,) = ask(
            anthropic_client, model, how, messages=messages, tools=anthropic_tools()
        ).calls
        seen.append(call.id)
        used = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
        messages += [
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result]},
        ]
    assert len(set(seen)) == 3, seen


@pytest.mark.parametrize("how", ["json", "helper"])
def test_a_tool_whose_name_the_provider_refuses(
    stage: Stage, anthropic_client: anthropic.Anthropic, how: How
) -> None:
    """OpenAI takes names of 64 characters; those of Claude Code's MCP tools may be longer."""
    name = "mcp__plugin_weather-stations-of-the-north__" + "read_all_stations_of_a_city"
    tool: Any = {"name": name, "input_schema": {"type": "object", "properties": {}}}
    seen: list[str] = []

    def answer(request: Recorded) -> Behaviour:
        seen.append(request.json["tools"][0]["function"]["name"])
        asked = Answer(text="").with_calls(Call("call_s", seen[-1], "{}"))
        return saying(CHAT, asked)(request)

    model, _ = stage.on(CHAT, always=answer)
    question: list[Any] = [{"role": "user", "content": "Read them."}]
    (call,) = ask(anthropic_client, model, how, messages=question, tools=[tool]).calls
    assert call.name == name
    assert len(name) > 64 >= len(seen[0])


def _assert_tool_turn(body: dict[str, Any], dialect: Dialect) -> None:
    """The request whose history holds both calls and their results."""
    said = body["messages"]
    if dialect is CHAT:
        assert [m["role"] for m in said] == ["system", "user", "assistant", "tool", "tool"]
        assert _plain(said[0]["content"]) == "Be brief."
        assert [c["id"] for c in said[2]["tool_calls"]] == ["call_w1", "call_c2"]
        arguments = [json.loads(c["function"]["arguments"]) for c in said[2]["tool_calls"]]
        assert arguments == [WEATHER.input, CLOCK.input]
        assert [(m["tool_call_id"], _plain(m["content"])) for m in said[3:]] == [
            ("call_w1", "rain"),
            ("call_c2", "12:30"),
        ]
        return
    assert _plain(body["system"]) == "Be brief."
    assert [m["role"] for m in said] == ["user", "assistant", "user"]
    assert [(b["id"], b["input"]) for b in said[1]["content"]] == [
        ("call_w1", WEATHER.input),
        ("call_c2", CLOCK.input),
    ]
    assert [(b["tool_use_id"], _plain(b["content"])) for b in said[2]["content"]] == [
        ("call_w1", "rain"),
        ("call_c2", "12:30"),
    ]


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


@upstream_formats
async def test_asynchronous_clients(stage: Stage, dialect: Dialect) -> None:
    model = fresh_model()
    stage.plain.on(model, always=saying(dialect), path=dialect.path)
    name = f"{SHORT[dialect.name]}/{model}"
    url = stage.router.url
    question: list[Any] = [{"role": "user", "content": "Well?"}]
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=CLIENT_KEY) as chat:
        async with chat.chat.completions.stream(model=name, messages=question) as stream:
            assert of_completion(await stream.get_final_completion()).text == Answer().text
        complete = await chat.chat.completions.create(model=name, messages=question)
        assert of_completion(complete).text == Answer().text
    async with anthropic.AsyncAnthropic(base_url=url, api_key=CLIENT_KEY) as messages:
        async with messages.messages.stream(model=name, messages=question, max_tokens=9) as stream:
            assert of_message(await stream.get_final_message()).text == Answer().text
        message = await messages.messages.create(model=name, messages=question, max_tokens=9)
        assert of_message(message).text == Answer().text


def test_a_provider_of_both_formats_is_asked_in_the_clients_own(
    stage: Stage, client: Client
) -> None:
    model = fresh_model()
    plan = stage.plain.on(model, saying(own(client)), path=own(client).path)
    told = ask(client, f"both/{model}", "helper")
    assert told.text == Answer().text
    assert plan.requests[0].key == KEY


ODD_REQUEST = (
    '{"zz_unknown": {"b": 1, "a": [1.0, 1e3, 123456789012345678901234567890, null]},\n '
    '"model" : "MODEL", "messages": [{"role":"user","content":"\\u00dcber \\ud83d\\ude80 Größe"}],'
    ' "temperature":0.30, "metadata": {"k": "Ü", "NESTED": "MODEL"}}'
)


def test_the_same_format_passes_through_unchanged(stage: Stage) -> None:
    """But for the model's name, byte for byte: unknown members, order, spelling, white space."""
    model, plan = stage.on(CHAT, saying(CHAT))
    sent = ODD_REQUEST.replace("MODEL", model).replace("NESTED", "other")
    _post(stage, sent)
    bare = model.partition("/")[2]
    expected = sent.replace(f'"model" : "{model}"', f'"model" : "{bare}"')
    assert plan.requests[0].body.decode() == expected


def test_a_model_named_within_the_request_is_left_alone(stage: Stage) -> None:
    model, plan = stage.on(CHAT, saying(CHAT))
    sent = ODD_REQUEST.replace("MODEL", model).replace("NESTED", "model")
    _post(stage, sent)
    expected = {**json.loads(sent), "model": model.partition("/")[2]}
    assert plan.requests[0].json == expected
    assert list(plan.requests[0].json) == list(expected)


def _post(stage: Stage, body: str) -> None:
    answer = httpx2.post(
        f"{stage.router.url}{CHAT.path}",
        content=body.encode(),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200


def test_the_same_format_passes_answers_through_unchanged(
    stage: Stage, openai_client: openai.OpenAI
) -> None:
    def react(request: object) -> Any:
        body = json.loads(CHAT.whole(Answer()))
        body["provider_says"] = {"more": [1, 2]}
        return whole(json.dumps(body).encode())

    model, _ = stage.on(CHAT, react)
    completion = openai_client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "x"}]
    )
    assert completion.model_extra == {"provider_says": {"more": [1, 2]}}
