"""The official SDKs of Responses, Gemini and Ollama against every upstream format."""

import json
from collections.abc import Iterator
from typing import Any

import ollama
import openai
import pytest

from tests.integration.e2e.asking import TOOLS
from tests.integration.e2e.stage import CLIENT_KEY
from tests.integration.e2e.stage import KEY
from tests.integration.e2e.stage import Stage
from tests.support.answers import ANTHROPIC
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import Call
from tests.support.answers import Dialect
from tests.support.answers import refusing
from tests.support.answers import saying

WEATHER = Call("call_w1", "weather", '{"city": "Oslo"}')
CLOCK = Call("call_c2", "clock", '{"zone": "Europe/Oslo", "format": "24h"}')
CALLING = Answer(text="").with_calls(WEATHER, CLOCK)
RESULTS = {"weather": "rain", "clock": "12:30"}
REFUSAL = (400, "invalid_request_error", "the request is not understood")

upstream_formats = pytest.mark.parametrize("dialect", [CHAT, ANTHROPIC], ids=lambda d: d.name)
streamed = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@pytest.fixture
def genai() -> Any:
    return pytest.importorskip("google.genai", reason="google-genai needs Python 3.13 here")


@pytest.fixture
def gemini(stage: Stage, genai: Any) -> Iterator[Any]:
    options = {"base_url": stage.router.url, "timeout": 30_000}
    client = genai.Client(api_key=CLIENT_KEY, http_options=options)
    yield client
    client.close()


@pytest.fixture
def ollama_client(stage: Stage) -> ollama.Client:
    headers = {"authorization": f"Bearer {CLIENT_KEY}"}
    return ollama.Client(host=stage.router.url, headers=headers, timeout=30)


def schema(properties: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def results_of(body: dict[str, Any], dialect: Dialect) -> list[tuple[str, Any, str]]:
    """The calls a request's history holds: name, arguments, and the words of the result that is
    tied to it by id."""
    said = body["messages"]
    if dialect is CHAT:
        calls = [c for m in said for c in m.get("tool_calls") or ()]
        results = {m["tool_call_id"]: m["content"] for m in said if m["role"] == "tool"}
        return [
            (
                c["function"]["name"],
                json.loads(c["function"]["arguments"]),
                _plain(results[c["id"]]),
            )
            for c in calls
        ]
    blocks = [b for m in said if isinstance(m["content"], list) for b in m["content"]]
    results = {b["tool_use_id"]: b["content"] for b in blocks if b["type"] == "tool_result"}
    return [
        (b["name"], b["input"], _plain(results[b["id"]])) for b in blocks if b["type"] == "tool_use"
    ]


def _plain(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def assert_looped(body: dict[str, Any], dialect: Dialect, wrapped: bool = False) -> None:
    told = results_of(body, dialect)
    assert [(name, arguments) for name, arguments, _ in told] == [
        (call.name, call.input) for call in CALLING.calls
    ]
    for name, _, words in told:
        assert RESULTS[name] in words if wrapped else words == RESULTS[name]


# Responses


def respond(client: openai.OpenAI, stream: bool, **params: Any) -> Any:
    """The whole response; of a stream as the SDK's own helper adds it up."""
    if not stream:
        return client.responses.create(**params)
    with client.responses.stream(**params) as events:
        return events.get_final_response()


def responses_tools() -> list[Any]:
    return [
        {"type": "function", "name": name, "description": said, "parameters": schema(properties)}
        for name, said, properties in TOOLS
    ]


@upstream_formats
@streamed
def test_text_with_responses(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect, stream: bool
) -> None:
    model, plan = stage.on(dialect, saying(dialect))

    told = respond(openai_client, stream, model=model, input="Well?", instructions="Be brief.")

    assert told.output_text == Answer().text
    assert told.status == "completed"
    assert (told.usage.input_tokens, told.usage.output_tokens) == (21, 13)
    assert told.usage.input_tokens_details.cached_tokens == 8
    (request,) = plan.requests
    assert request.streams == stream and request.key == KEY


@upstream_formats
def test_events_of_responses(stage: Stage, openai_client: openai.OpenAI, dialect: Dialect) -> None:
    model, _ = stage.on(dialect, saying(dialect))
    events = list(openai_client.responses.create(model=model, input="Well?", stream=True))
    kinds = [event.type for event in events]
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == Answer().text


@upstream_formats
@streamed
@pytest.mark.parametrize("kept", [False, True], ids=["whole", "previous_response_id"])
def test_a_tool_loop_with_responses(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect, stream: bool, kept: bool
) -> None:
    model, plan = stage.on(dialect, saying(dialect, CALLING), saying(dialect))
    said: list[Any] = [{"role": "user", "content": "What is it like in Oslo?"}]
    params: dict[str, Any] = {"model": model, "tools": responses_tools()}

    first = respond(openai_client, stream, input=said, **params)
    calls = [item for item in first.output if item.type == "function_call"]
    outputs = [
        {"type": "function_call_output", "call_id": c.call_id, "output": RESULTS[c.name]}
        for c in calls
    ]
    if kept:
        params["previous_response_id"] = first.id
        said = outputs
    else:
        shown = [item.model_dump(exclude_none=True, mode="json") for item in first.output]
        said = [*said, *shown, *outputs]
    second = respond(openai_client, stream, input=said, **params)

    assert second.output_text == Answer().text
    assert [c.call_id for c in calls] == ["call_w1", "call_c2"]
    assert_looped(plan.requests[1].json, dialect)


@upstream_formats
@streamed
def test_errors_with_responses(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect, stream: bool
) -> None:
    model, _ = stage.on(dialect, refusing(dialect, *REFUSAL))
    with pytest.raises(openai.BadRequestError, match="not understood"):
        respond(openai_client, stream, model=model, input="Well?")


@upstream_formats
def test_a_response_that_is_not_kept(
    stage: Stage, openai_client: openai.OpenAI, dialect: Dialect
) -> None:
    model, plan = stage.on(dialect)
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.responses.create(model=model, input="?", previous_response_id="resp_gone")
    assert caught.value.code == "previous_response_not_found"
    assert not plan.requests


# Gemini


def generate(client: Any, stream: bool, **params: Any) -> tuple[str, list[Any], Any]:
    """Text, parts and usage of an answer."""
    models = client.models
    answers = (
        list(models.generate_content_stream(**params))
        if stream
        else [models.generate_content(**params)]
    )
    parts = [p for a in answers for c in a.candidates or () for p in c.content.parts or ()]
    text = "".join(part.text or "" for part in parts if not part.thought)
    reasons = [
        c.finish_reason.value for a in answers for c in a.candidates or () if c.finish_reason
    ]
    assert reasons == ["STOP"]
    return text, parts, answers[-1].usage_metadata


def gemini_tools() -> list[Any]:
    declared = [
        {"name": name, "description": said, "parameters_json_schema": schema(properties)}
        for name, said, properties in TOOLS
    ]
    return [{"function_declarations": declared}]


@upstream_formats
@streamed
def test_text_with_gemini(stage: Stage, gemini: Any, dialect: Dialect, stream: bool) -> None:
    model, plan = stage.on(dialect, saying(dialect))

    text, _, usage = generate(
        gemini, stream, model=model, contents="Well?", config={"system_instruction": "Be brief."}
    )

    assert text == Answer().text
    assert usage.prompt_token_count == 21
    assert usage.cached_content_token_count == 8
    assert usage.candidates_token_count == 13
    (request,) = plan.requests
    assert request.streams == stream and request.key == KEY


@upstream_formats
@streamed
def test_a_tool_loop_with_gemini(
    stage: Stage, genai: Any, gemini: Any, dialect: Dialect, stream: bool
) -> None:
    model, plan = stage.on(dialect, saying(dialect, CALLING), saying(dialect))
    types = genai.types
    config = {"tools": gemini_tools()}
    question = types.UserContent("What is it like in Oslo?")

    _, parts, _ = generate(gemini, stream, model=model, contents=question, config=config)
    calls = [part.function_call for part in parts if part.function_call]
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"result": RESULTS[call.name]}
            )
        )
        for call in calls
    ]
    history = [question, types.ModelContent(parts), types.UserContent(results)]
    text, _, _ = generate(gemini, stream, model=model, contents=history, config=config)

    assert text == Answer().text
    assert_looped(plan.requests[1].json, dialect, wrapped=True)


@upstream_formats
@streamed
def test_errors_with_gemini(
    stage: Stage, genai: Any, gemini: Any, dialect: Dialect, stream: bool
) -> None:
    model, _ = stage.on(dialect, refusing(dialect, *REFUSAL))
    with pytest.raises(genai.errors.ClientError, match="not understood") as caught:
        generate(gemini, stream, model=model, contents="Well?")
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


# Ollama


def chat(client: ollama.Client, stream: bool, **params: Any) -> tuple[str, list[Any], Any]:
    """Text, tool calls and the last line of an answer."""
    answers: list[Any] = (
        list(client.chat(stream=True, **params)) if stream else [client.chat(**params)]
    )
    assert [answer.done for answer in answers] == [*[False] * (len(answers) - 1), True]
    text = "".join(answer.message.content or "" for answer in answers)
    calls = [call for answer in answers for call in answer.message.tool_calls or ()]
    return text, calls, answers[-1]


def ollama_tools() -> list[Any]:
    return [
        {
            "type": "function",
            "function": {"name": name, "description": said, "parameters": schema(properties)},
        }
        for name, said, properties in TOOLS
    ]


@upstream_formats
@streamed
def test_text_with_ollama(
    stage: Stage, ollama_client: ollama.Client, dialect: Dialect, stream: bool
) -> None:
    model, plan = stage.on(dialect, saying(dialect))

    text, _, last = chat(
        ollama_client, stream, model=model, messages=[{"role": "user", "content": "Well?"}]
    )

    assert text == Answer().text
    assert last.done_reason == "stop"
    assert (last.prompt_eval_count, last.eval_count) == (21, 13)
    (request,) = plan.requests
    assert request.streams == stream and request.key == KEY


@upstream_formats
@streamed
def test_a_tool_loop_with_ollama(
    stage: Stage, ollama_client: ollama.Client, dialect: Dialect, stream: bool
) -> None:
    model, plan = stage.on(dialect, saying(dialect, CALLING), saying(dialect))
    messages: list[Any] = [{"role": "user", "content": "What is it like in Oslo?"}]
    params: dict[str, Any] = {"model": model, "tools": ollama_tools()}

    _, calls, _ = chat(ollama_client, stream, messages=messages, **params)
    messages.append({"role": "assistant", "content": "", "tool_calls": calls})
    messages += [
        {"role": "tool", "tool_name": c.function.name, "content": RESULTS[c.function.name]}
        for c in calls
    ]
    text, _, _ = chat(ollama_client, stream, messages=messages, **params)

    assert text == Answer().text
    assert_looped(plan.requests[1].json, dialect)


@upstream_formats
@streamed
def test_errors_with_ollama(
    stage: Stage, ollama_client: ollama.Client, dialect: Dialect, stream: bool
) -> None:
    model, _ = stage.on(dialect, refusing(dialect, *REFUSAL))
    question = [{"role": "user", "content": "Well?"}]
    with pytest.raises(ollama.ResponseError, match="not understood") as caught:
        chat(ollama_client, stream, model=model, messages=question)
    assert caught.value.status_code == 400
