"""Presets by address, formats by endpoint."""

import pytest

from switchyard.importers.known_providers import known_providers
from switchyard.importers.known_providers import profile_at
from switchyard.importers.known_providers import provider_at
from switchyard.importers.known_providers import split_endpoint


@pytest.mark.parametrize(
    ("url", "preset"),
    [
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://OpenRouter.ai/api/v1/", "openrouter"),
        ("https://openrouter.ai/api", "openrouter"),
        ("https://api.deepseek.com", "deepseek"),
        ("http://localhost:11434", "ollama"),
        ("https://api.z.ai/api/coding/paas/v4", "zai-coding"),
    ],
)
def test_presets(url: str, preset: str) -> None:
    known = provider_at(url)
    assert known is not None
    assert known.preset == preset


def test_another_path_at_a_known_host_has_its_profile_alone() -> None:
    assert provider_at("https://openrouter.ai/other") is None
    assert profile_at("https://openrouter.ai/other") == "openrouter"
    assert profile_at("https://unknown.example/v1") == ""
    assert provider_at("not a url") is None


def test_which_presets_need_a_key() -> None:
    assert known_providers()["openrouter"].needs_key
    assert not known_providers()["ollama"].needs_key


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/v1/chat/completions", ("https://a.example/v1", "openai-chat")),
        ("https://a.example/v1/messages", ("https://a.example", "anthropic")),
        ("https://a.example/v1/responses/", ("https://a.example/v1", "openai-responses")),
        ("https://a.example/v1beta/models/", ("https://a.example", "gemini")),
        ("https://a.example/v1?x=1", ("https://a.example/v1", "")),
    ],
)
def test_endpoints(url: str, expected: tuple[str, str]) -> None:
    assert split_endpoint(url) == expected
