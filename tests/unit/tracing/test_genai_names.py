"""The conventions' words for providers and operations."""

import pytest

from switchyard.tracing.genai_names import cache_write_name
from switchyard.tracing.genai_names import operation_name
from switchyard.tracing.genai_names import provider_name
from tests.support.genai_conventions import LATEST
from tests.support.genai_conventions import OLD
from tests.support.genai_conventions import PROVIDERS


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.anthropic.com", "anthropic"),
        ("https://api.openai.com/v1", "openai"),
        ("https://me.openai.azure.com/openai", "azure.ai.openai"),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "aws.bedrock"),
        ("https://generativelanguage.googleapis.com", "gcp.gemini"),
        ("https://us-east5-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
    ],
)
def test_a_provider_that_has_a_word(url: str, name: str) -> None:
    assert provider_name(url, "mine") == name
    assert name in PROVIDERS


@pytest.mark.parametrize(
    "url", ["https://notapi.x.ai.example", "http://127.0.0.1:8000/v1", "", "https://myapi.x.air"]
)
def test_any_other_keeps_its_name(url: str) -> None:
    assert provider_name(url, "mine") == "mine"


def test_operations() -> None:
    assert operation_name("generate", "anthropic") == "chat"
    assert operation_name("generate", "gemini") == "generate_content"
    assert operation_name("generate", "openai-completions") == "text_completion"
    assert operation_name("embeddings", "openai-chat") == "embeddings"
    assert operation_name("count-tokens", "anthropic") == "count_tokens"


def test_both_versions_have_their_word_for_cache_writes() -> None:
    assert cache_write_name("latest") in LATEST and cache_write_name("latest") not in OLD
    assert cache_write_name("1.41") in OLD and cache_write_name("1.41") not in LATEST
