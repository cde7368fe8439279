"""Calls models on clouds that have paths of their own: Bedrock, Vertex AI and Azure's deployments.

Bedrock and Vertex AI take the body of Anthropic's Messages API, with the model in the path and a
version in the body.
Sources: Amazon Bedrock API reference, "InvokeModel" and "InvokeModelWithResponseStream", User Guide
"Anthropic Claude Messages API"; Vertex AI, "Request predictions with Claude models". Azure takes
OpenAI's body, with a version in the query: Microsoft Learn, "Azure OpenAI in Azure AI Foundry
Models REST API reference". Calls of a deployment have it in the path; that of the Responses API
has it in the body, as the official SDK writes them (openai-python, `lib/azure.py`).
"""

import re
from collections.abc import Mapping
from urllib.parse import quote

from switchyard.accounts.quota_calls import PROFILE
from switchyard.attempt.url import endpoint_url
from switchyard.config.provider import Platform
from switchyard.config.provider import Provider
from switchyard.wire.encoding.event_stream import CONTENT_TYPE
from switchyard.wire.encoding.jsonio import JsonObject
from switchyard.wire.format import Format

_VERSIONS: Mapping[Platform, str] = {
    "bedrock": "bedrock-2023-05-31",
    "vertex": "vertex-2023-10-16",
}
_CALLS: Mapping[Platform, tuple[str, str]] = {
    "bedrock": ("/model/{}/invoke", "/model/{}/invoke-with-response-stream"),
    "vertex": ("/{}:rawPredict", "/{}:streamRawPredict"),
}
"""What follows the base URL, for a whole answer and for a stream."""

_LATER = re.compile(r"(?!2023-)\d{4}-\d{2}-\d{2}", re.ASCII)
"""A later version of Anthropic's API than the clouds' own are of. Anthropic's clients send it to
clouds as they send it to Anthropic (anthropic-sdk-python, `lib/bedrock` and `lib/vertex`)."""
_VERSION, _BETA = "anthropic-version", "anthropic-beta"

_BY_DEPLOYMENT = ("/chat/completions", "/embeddings")
"""Calls of Azure's that name their deployment in the path."""


def provider_url(
    provider: Provider, format: Format, base_url: str, model: str, streams: bool, path: str
) -> str:
    """Returns the URL of a call at a provider; `path` is that of the format."""
    if (platform := own_way(provider.platform, format)) is None:
        return endpoint_url(base_url, format, path)
    version = provider.api_version or ""
    return platform_url(base_url, platform, model, streams, path, version)


def provider_body(
    provider: Provider, format: Format, body: JsonObject, headers: dict[str, str], streams: bool
) -> JsonObject:
    """Returns the body of a call as its provider takes it.

    Versions and betas move from `headers` into it where a cloud wants them there.
    """
    if (platform := own_way(provider.platform, format)) is not None:
        body = platform_body(body, platform, headers, streams)
    return body if provider.profile_arn is None else {**body, PROFILE: provider.profile_arn}


def own_way(platform: Platform | None, format: Format) -> Platform | None:
    """Returns the platform where it speaks a format in a way of its own, else None.

    A cloud speaks the format that it made itself as the format says.
    """
    return None if platform == format.platform else platform


def platform_url(
    base_url: str, platform: Platform, model: str, streams: bool, path: str = "", version: str = ""
) -> str:
    """Returns the URL of a call of a model, whose name may have colons and slashes.

    `path` is that of the format, below its version segment; Azure's has a part of it.
    """
    if platform == "azure":
        base = base_url.rstrip("/").removesuffix("/openai") + "/openai"
        if path in _BY_DEPLOYMENT:
            base += f"/deployments/{quote(model, safe='')}"
        return f"{base}{path}?api-version={quote(version, safe='')}"
    whole, stream = _CALLS[platform]
    return base_url.rstrip("/") + (stream if streams else whole).format(quote(model, safe=""))


def platform_body(
    body: JsonObject, platform: Platform, headers: dict[str, str], streams: bool
) -> JsonObject:
    """Returns the body as the platform takes it; takes headers that belong into it out.

    Azure's is OpenAI's. Bedrock has features in the member `anthropic_beta`, and the way of
    answering in the path.
    """
    if platform == "azure":
        return body
    changed = {name: value for name, value in body.items() if name not in ("model", "stream")}
    version = headers.pop(_VERSION, "")
    changed["anthropic_version"] = version if _LATER.fullmatch(version) else _VERSIONS[platform]
    if platform == "bedrock":
        if betas := headers.pop(_BETA, ""):
            changed["anthropic_beta"] = [one.strip() for one in betas.split(",") if one.strip()]
        if streams:
            headers["accept"] = CONTENT_TYPE
    elif streams:
        changed["stream"] = True
    return changed
