"""How models are called on clouds."""

import pytest

from switchyard.attempt.platforms import own_way
from switchyard.attempt.platforms import platform_body
from switchyard.attempt.platforms import platform_url
from switchyard.wire.registry import PROVIDER_FORMATS

BODY = {"model": "m", "stream": True, "max_tokens": 5, "messages": []}


def test_the_model_stands_in_the_path() -> None:
    base = "https://bedrock-runtime.us-east-1.amazonaws.com/"
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    url = f"{base}model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"
    assert platform_url(base, "bedrock", name, streams=False) == url
    assert platform_url(base, "bedrock", name, streams=True) == f"{url}-with-response-stream"
    arn = "arn:aws:bedrock:us-east-1:1:inference-profile/x"
    assert "inference-profile%2Fx/invoke" in platform_url(base, "bedrock", arn, streams=False)
    models = "https://aiplatform.googleapis.com/v1/projects/p/publishers/anthropic/models"
    found = platform_url(models, "vertex", "claude-opus-4-6@20260101", streams=True)
    assert found == f"{models}/claude-opus-4-6%4020260101:streamRawPredict"
    assert platform_url(models, "vertex", "c", streams=False) == f"{models}/c:rawPredict"


def test_bedrock_has_versions_and_features_in_the_body() -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1, b-2", "accept": "x"}
    assert platform_body(BODY, "bedrock", headers, streams=True) == {
        "max_tokens": 5,
        "messages": [],
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["a-1", "b-2"],
    }
    assert headers == {"accept": "application/vnd.amazon.eventstream"}


def test_vertex_keeps_features_in_a_header() -> None:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "a-1"}
    body = platform_body(BODY, "vertex", headers, streams=True)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body["stream"] is True
    assert "model" not in body
    assert headers == {"anthropic-beta": "a-1"}
    assert "stream" not in platform_body(BODY, "vertex", {}, streams=False)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("2023-06-01", "bedrock-2023-05-31"),
        ("2026-10-21", "2026-10-21"),
        ("any thing", "bedrock-2023-05-31"),
    ],
)
def test_a_later_version_of_the_api_is_the_clients(said: str, sent: str) -> None:
    body = platform_body(BODY, "bedrock", {"anthropic-version": said}, streams=False)
    assert body["anthropic_version"] == sent


def test_the_body_that_was_given_stays_as_it_is() -> None:
    before = dict(BODY)
    platform_body(BODY, "bedrock", {}, streams=False)
    assert before == BODY


def test_azure_has_the_deployment_in_the_path() -> None:
    root = "https://r.openai.azure.com/openai"
    for base in ("https://r.openai.azure.com", f"{root}/"):
        for path, wanted in (
            ("/chat/completions", "/deployments/my%20gpt/chat/completions"),
            ("/embeddings", "/deployments/my%20gpt/embeddings"),
            ("/responses", "/responses"),
        ):
            url = platform_url(base, "azure", "my gpt", True, path, version="2024-10-21")
            assert url == f"{root}{wanted}?api-version=2024-10-21"
    body = {"model": "my gpt", "messages": [], "stream": True}
    assert platform_body(body, "azure", {}, streams=True) == body


def test_a_cloud_speaks_its_own_format_as_the_format_says() -> None:
    assert own_way("bedrock", PROVIDER_FORMATS["converse"]) is None
    assert own_way("bedrock", PROVIDER_FORMATS["anthropic"]) == "bedrock"
    assert own_way("azure", PROVIDER_FORMATS["openai-chat"]) == "azure"
    assert own_way(None, PROVIDER_FORMATS["openai-chat"]) is None
