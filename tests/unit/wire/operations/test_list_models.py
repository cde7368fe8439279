"""Model lists as providers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchyard.wire.model.model_list import FoundModel
from switchyard.wire.model.model_list import ModelPage
from switchyard.wire.registry import FORMATS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["data", "models", "id", "name", "has_more", "last_id", "nextPageToken"]),
        inner,
    ),
)  # fmt: skip


def test_openai() -> None:
    body = {
        "object": "list",
        "data": [
            {"id": "gpt-5", "object": "model", "created": 1, "owned_by": "system"},
            {"id": "qwen/qwen3-coder:free", "context_length": 262144},
            {"id": "llama", "max_model_len": 4096},
            {"id": "gpt-5", "object": "model"},
        ],
    }
    assert FORMATS["openai-chat"].read_models(body) == ModelPage(
        (
            FoundModel("gpt-5"),
            FoundModel("qwen/qwen3-coder:free", 262144),
            FoundModel("llama", 4096),
        )
    )
    assert FORMATS["openai-responses"].read_models(body["data"]).models[0].name == "gpt-5"


def test_anthropic_has_pages() -> None:
    body = {
        "data": [{"type": "model", "id": "claude-x", "display_name": "Claude X"}],
        "has_more": True,
        "first_id": "claude-x",
        "last_id": "claude-x",
    }
    page = FORMATS["anthropic"].read_models(body)
    assert page == ModelPage((FoundModel("claude-x"),), "claude-x")
    assert FORMATS["anthropic"].models_path() == "/models?limit=1000"
    assert FORMATS["anthropic"].models_path(page.next) == "/models?limit=1000&after_id=claude-x"
    assert FORMATS["anthropic"].read_models({**body, "has_more": False}).next == ""


def test_gemini_has_pages_and_models_that_are_called_otherwise() -> None:
    body = {
        "models": [
            {
                "name": "models/gemini-x",
                "inputTokenLimit": 1048576,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
            },
            {"name": "models/imagen-x", "supportedGenerationMethods": ["predict"]},
        ],
        "nextPageToken": "a&b",
    }
    page = FORMATS["gemini"].read_models(body)
    assert page == ModelPage((FoundModel("gemini-x", 1048576),), "a&b")
    assert FORMATS["gemini"].models_path(page.next) == "/models?pageSize=1000&pageToken=a%26b"


def test_ollama() -> None:
    body = {"models": [{"name": "qwen3:8b", "model": "qwen3:8b", "details": {}}]}
    assert FORMATS["ollama"].read_models(body) == ModelPage((FoundModel("qwen3:8b"),))
    assert FORMATS["ollama"].models_path() == "/tags"


@pytest.mark.parametrize("body", [{}, {"error": "no"}, {"data": "x"}, None, 5, {"models": None}])
@pytest.mark.parametrize("format", FORMATS)
def test_what_is_no_list(format: str, body: object) -> None:
    with pytest.raises(ValueError, match="not a list of models"):
        FORMATS[format].read_models(body)


@pytest.mark.parametrize("name", ["", " x", "x\n", "x" * 300, None, 7, ["x"]])
def test_names_that_are_none_are_passed_over(name: object) -> None:
    body = {"data": [{"id": name}, "x", {"id": "good", "context_length": True}]}
    assert FORMATS["openai-chat"].read_models(body).models == (FoundModel("good"),)


@given(JSON, st.sampled_from(sorted(FORMATS)))
def test_any_answer_is_a_list_or_a_value_error(body: object, format: str) -> None:
    try:
        page = FORMATS[format].read_models(body)
    except ValueError:
        return
    assert all(model.name for model in page.models)
