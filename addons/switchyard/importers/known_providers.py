"""Finds the shipped preset of a provider by its address, and a format by an endpoint's path."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from switchyard.files import SHIPPED

_ENDPOINTS = {
    "/chat/completions": "openai-chat",
    "/completions": "openai-completions",
    "/responses": "openai-responses",
    "/v1/messages": "anthropic",
    "/messages": "anthropic",
    "/v1beta/models": "gemini",
    "/api/chat": "ollama",
}
"""Ends of paths that a client of the format adds to its base URL; the longest that fits counts."""

_VERSIONS = ("/v1", "/v1beta")


@dataclass(frozen=True, slots=True)
class KnownProvider:
    """A shipped preset."""

    preset: str
    formats: tuple[str, ...]
    urls: Mapping[str, str]
    """By format; `` is that of all others."""
    needs_key: bool

    @property
    def url(self) -> str:
        return self.urls.get("") or next(iter(self.urls.values()))


@cache
def known_providers() -> Mapping[str, KnownProvider]:
    """Returns the shipped presets that have addresses, by name."""
    found = {}
    for path in sorted((SHIPPED / "presets").glob("*.yaml")):
        data = YAML(typ="safe").load(path)
        formats = data.get("format", "openai-chat")
        urls = {**data.get("base-urls", {})}
        if "base-url" in data:
            urls[""] = data["base-url"]
        if urls and not any("${" in url for url in urls.values()):
            found[path.stem] = KnownProvider(
                path.stem,
                tuple([formats] if isinstance(formats, str) else formats),
                urls,
                "api-key" in data,
            )
    return found


def provider_at(url: str) -> KnownProvider | None:
    """Returns the preset with this base URL, in any of its formats."""
    wanted = _normal(url)
    for known in known_providers().values():
        if any(_normal(one) == wanted for one in known.urls.values()):
            return known
    return None


def profile_at(url: str) -> str:
    """Returns the preset whose host a base URL has, for its quirks; empty if there is none."""
    host = _host(url)
    for known in known_providers().values():
        if any(_host(one) == host for one in known.urls.values()):
            return known.preset
    return ""


def split_endpoint(url: str) -> tuple[str, str]:
    """Returns a base URL, and the format if the path ended with that of an endpoint."""
    text = url.strip().partition("?")[0].rstrip("/")
    for end in sorted(_ENDPOINTS, key=len, reverse=True):
        if text.endswith(end):
            return text.removesuffix(end), _ENDPOINTS[end]
    return text, ""


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.netloc or "").lower()
    return host.replace("localhost", "127.0.0.1")


def _normal(url: str) -> str:
    path = urlsplit(url).path.rstrip("/")
    for version in _VERSIONS:
        path = path.removesuffix(version)
    return f"{_host(url)}{path}"
