import base64
from dataclasses import replace
from typing import Any

import pytest

from switchyard.wire.encoding.jsonio import dumps
from switchyard.wire.formats.gemini.tools import with_openapi_schemas
from switchyard.wire.model.conversation import Conversation
from switchyard.wire.model.conversation import Output
from switchyard.wire.model.conversation import Reasoning
from switchyard.wire.model.conversation import Text
from switchyard.wire.model.conversation import Tool
from switchyard.wire.model.conversation import ToolCall
from switchyard.wire.registry import FORMATS
from tests.unit.wire.formats.gemini.request_support import GEMINI
from tests.unit.wire.formats.gemini.request_support import HI
from tests.unit.wire.formats.gemini.request_support import assistant
from tests.unit.wire.formats.gemini.request_support import foreign
from tests.unit.wire.formats.gemini.request_support import read
from tests.unit.wire.formats.gemini.request_support import write


def test_generation_config():
    config = {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40.0,
        "seed": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": -0.2,
        "stopSequences": ["x"],
        "candidateCount": 2,
        "responseLogprobs": True,
        "logprobs": 3,
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "1:1"},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    c = read(generationConfig=config)
    assert (c.max_tokens, c.temperature, c.top_p, c.top_k, c.seed) == (9, 0.5, 0.9, 40, 1)
    assert (c.presence_penalty, c.frequency_penalty, c.stop) == (0.1, -0.2, ("x",))
    assert (c.candidates, c.logprobs, c.top_logprobs) == (2, True, 3)
    assert c.modalities == ("text", "image")
    foreign_config = GEMINI.write_request(replace(c, format="openai-chat"))["generationConfig"]
    unnamed = ("imageConfig", "mediaResolution")
    assert foreign_config == {k: v for k, v in config.items() if k not in unnamed}
    assert read(generationConfig={}).max_tokens is None


def test_everything_unnamed_survives():
    read(
        safetySettings=[{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
        cachedContent="cachedContents/x",
        labels={"team": "a", "mime_type": "kept"},
        toolConfig={"retrievalConfig": {"languageCode": "de"}},
        futureMember={"some_thing": 1},
        generationConfig={"responseModalities": ["Text"], "stopSequences": []},
    )


@pytest.mark.parametrize(
    ("thinking", "expected"),
    [
        ({"thinkingBudget": 0}, Reasoning(enabled=False)),
        ({"thinkingBudget": -1}, Reasoning(enabled=True, adaptive=True)),
        ({"thinkingBudget": 512}, Reasoning(enabled=True, budget=512)),
        ({"thinkingLevel": "HIGH"}, Reasoning(enabled=True, effort="high")),
        ({"includeThoughts": True}, Reasoning(enabled=True, summary="auto")),
        ({"includeThoughts": False}, Reasoning()),
    ],
)
def test_thinking_config(thinking: dict[str, Any], expected: Reasoning):
    reasoning = read(generationConfig={"thinkingConfig": thinking}).reasoning
    assert reasoning and replace(reasoning, extra={}) == replace(expected, extra={})


@pytest.mark.parametrize(
    ("reasoning", "thinking"),
    [
        (Reasoning(effort="xhigh"), {"thinkingLevel": "HIGH", "includeThoughts": True}),
        (Reasoning(budget=99, enabled=True), {"thinkingBudget": 99, "includeThoughts": True}),
        (Reasoning(enabled=True, summary="omitted"), {"includeThoughts": False}),
        (Reasoning(effort="none"), {"thinkingBudget": 0}),
        (Reasoning(enabled=False), {"thinkingBudget": 0}),
    ],
)
def test_foreign_reasoning(reasoning: Reasoning, thinking: dict[str, Any]):
    assert write(HI, reasoning=reasoning)["generationConfig"] == {"thinkingConfig": thinking}


def test_response_schemas():
    upper = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
    lower = {"type": "object", "properties": {"a": {"type": "string"}}}
    for key in ("responseSchema", "responseJsonSchema"):
        c = read(generationConfig={"responseMimeType": "application/json", key: upper})
        assert c.output and (c.output.kind, c.output.schema) == ("json_schema", lower)
    c = read(generationConfig={"responseMimeType": "application/json"})
    assert c.output and c.output.kind == "json_object"
    choice = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}
    c = read(generationConfig=choice)
    assert c.output and c.output.kind == "text"
    written = write(HI, output=Output(kind="json_schema", name="x", schema=lower, strict=True))
    assert written["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": lower,
    }


def test_schemas_for_upstreams_that_know_only_their_own():
    written = write(
        HI,
        tools=(
            Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}}}),
            Tool(name="g", parameters={"type": "object", "properties": {}}),
        ),
        output=Output(kind="json_schema", schema={"type": ["integer", "null"]}),
    )
    before = repr(written)
    openapi = with_openapi_schemas(written)
    assert repr(written) == before
    f, g = openapi["tools"][0]["functionDeclarations"]
    assert f["parameters"]["type"] == "OBJECT" and "parametersJsonSchema" not in f
    assert g == {"name": "g"}
    assert openapi["generationConfig"]["responseSchema"] == {"type": "INTEGER", "nullable": True}


@pytest.mark.parametrize("target", ["openai-chat", "openai-responses", "anthropic", "ollama"])
def test_bytes_in_the_alphabet_for_urls(target: str):
    """Google's SDK writes bytes so; no other provider takes it."""
    data = base64.b64encode(b"\x89PNG\xff\xfe\xfb\xef").decode()
    spelled = data.replace("+", "-").replace("/", "_").rstrip("=")
    assert spelled != data
    picture = {"inlineData": {"mimeType": "image/png", "data": spelled}}
    c = read({"role": "user", "parts": [picture]})
    written = dumps(FORMATS[target].write_request(c)).decode()
    assert data in written and spelled not in written


def test_a_call_is_never_the_first_content():
    """The API: "function call turn comes immediately after a user turn"."""
    contents = write(assistant(ToolCall(id="c", name="f", arguments="{}")))["contents"]
    assert [content["role"] for content in contents] == ["user", "model"]
    assert [content["role"] for content in write(assistant(Text(text="Hi")))["contents"]] == [
        "model"
    ]


@pytest.mark.parametrize("target", ["openai-chat", "gemini", "ollama"])
def test_no_number_of_log_probabilities_without_a_wish_for_them(target: str):
    """The APIs refuse it."""
    told = FORMATS[target].write_request(
        Conversation(format="openai-responses", model="m", turns=(HI,), top_logprobs=2)
    )
    assert b"logprobs" not in dumps(told)


@pytest.mark.parametrize("target", ["openai-responses", "gemini"])
def test_words_for_an_effort_that_only_one_provider_knows(target: str):
    c = foreign(HI, reasoning=Reasoning(effort="default"))
    assert b"default" not in dumps(FORMATS[target].write_request(c)).lower()
