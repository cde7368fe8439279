"""Checks the keys of one section against each other.

Reports keys that are missing without another, and keys that exclude each other. Works on plain data
and tolerates wrong forms, as `references` does.
"""

import re
from urllib.parse import urlsplit

from switchyard.config.fields import SOCKET_SCHEME
from switchyard.config.problems import KeyPath
from switchyard.config.yaml_source import Document
from switchyard.wire.registry import DEFAULT
from switchyard.wire.registry import PROVIDER_FORMATS


def check_combinations(document: Document) -> None:
    """Adds a problem to the document for every such contradiction."""
    data = document.data if isinstance(document.data, dict) else {}
    providers = data.get("providers")
    for index, provider in enumerate(providers if isinstance(providers, list) else ()):
        if isinstance(provider, dict):
            _check_provider(document, ("providers", index), provider)
    _check_equal_keys(document, data)


def _check_provider(document: Document, path: KeyPath, provider: dict[str, object]) -> None:
    keys = [key for key in ("api-key", "api-key-entries") if key in provider]
    if "api-key" in provider and provider["api-key"] is None:
        document.problem((*path, "api-key"), "has no value", "give the key, or remove it")
    if len(keys) == 2:
        message = "is given besides api-key-entries"
        document.problem((*path, "api-key"), message, "make it one of the entries")
    if provider.get("credentials") == "forward" and keys:
        message = "is never used: credentials: forward sends the client's own key"
        document.problem((*path, keys[0]), message, "remove it, or credentials: forward")
    if provider.get("credentials") == "forward" and "keep" in provider:
        message = "is never used: credentials: forward sends the client's own key"
        document.problem((*path, "keep"), message, "remove it, or credentials: forward")
    _check_platform(document, path, provider)
    _check_profile_arn(document, path, provider)
    if provider.get("platform") != "bedrock" and _has_aws_keys(provider):
        message = "has AWS credentials, which only Bedrock's own calls are signed with"
        document.problem(path, message, "write platform: bedrock, or give an API key")
    _check_urls(document, path, provider)
    _check_ways(document, path, provider)


_REGIONAL = re.compile(r"\.[a-z]{2}(?:-[a-z]+)+-\d\.", re.ASCII)
"""The region in the name of a host of AWS'."""

_SPOKEN = {
    "bedrock": ("anthropic",),
    "vertex": ("anthropic",),
    "azure": ("openai-chat", "openai-responses"),
}
"""The formats that each cloud speaks in a way of its own."""


def _check_platform(document: Document, path: KeyPath, provider: dict[str, object]) -> None:
    """Each cloud has few formats, in a way of its own or made by it; Azure's need a version."""
    platform, said = provider.get("platform"), provider.get("format", DEFAULT.name)
    formats = said if isinstance(said, list) else [said]
    if isinstance(platform, str) and platform in _SPOKEN:
        own = (name for name, one in PROVIDER_FORMATS.items() if one.platform == platform)
        wanted = [*_SPOKEN[platform], *own]
        if any(one not in wanted for one in formats):
            names = f"{wanted[0]} alone" if len(wanted) == 1 else " and ".join(wanted)
            message = f"is for the format{'s' * (len(wanted) > 1)} {names}"
            document.problem(
                (*path, "platform"), message, f"write format: {wanted[0]}, or remove it"
            )
    for one in PROVIDER_FORMATS.values():
        if one.platform and platform is None and one.name in formats:
            message = f"is spoken by {one.platform} alone"
            document.problem((*path, "format"), message, f"write platform: {one.platform}")
    if platform == "azure" and not provider.get("api-version"):
        hint = "write api-version: 2024-10-21, or use Azure's v1 address without a platform"
        document.problem((*path, "platform"), "needs an api-version", hint)
    if platform != "azure" and "api-version" in provider:
        message = "is for platform: azure alone"
        document.problem((*path, "api-version"), message, "write platform: azure, or remove it")


def _check_profile_arn(document: Document, path: KeyPath, provider: dict[str, object]) -> None:
    """A profile is of one format, and of the region that the base URL names."""
    arn, url = provider.get("profile-arn"), provider.get("base-url")
    if arn is None:
        return
    if provider.get("format") not in ("codewhisperer", ["codewhisperer"]):
        message = "is for the format codewhisperer alone"
        document.problem((*path, "profile-arn"), message, "remove it")
    region = next(iter(str(arn).split(":")[3:4]), "")
    host = urlsplit(url).hostname or "" if isinstance(url, str) else ""
    if _REGIONAL.search(host) and region and f".{region}." not in host:
        message = f"is of the region {region}, and the base URL of another one"
        hint = f"set KIRO_REGION={region}, or name its host in base-url"
        document.problem((*path, "profile-arn"), message, hint)


def _has_aws_keys(provider: dict[str, object]) -> bool:
    entries = provider.get("api-key-entries")
    keys = [provider.get("api-key"), *(entries if isinstance(entries, list) else ())]
    found = (key.get("api-key", key) if isinstance(key, dict) else key for key in keys)
    return any(isinstance(key, dict) and "aws" in key for key in found)


def _check_urls(document: Document, path: KeyPath, provider: dict[str, object]) -> None:
    """Every format needs an address, and every address a format."""
    given = provider.get("format", DEFAULT.name)
    formats = given if isinstance(given, list) else [given]
    urls = provider.get("base-urls")
    elsewhere = urls if isinstance(urls, dict) else {}
    if "builtin" in provider:
        if "base-url" in provider:
            wrong = "is not for a builtin provider, whose address the router knows"
            document.problem((*path, "base-url"), wrong, "remove it, or builtin")
        return
    has_url = "base-url" in provider or (*path, "base-url") in document.unset
    if not has_url and any(str(one) not in elsewhere for one in formats):
        hint = "give the URL that the provider's SDK takes, or preset: NAME"
        document.problem((*path, "base-url"), "is required", hint)
    for name in elsewhere:
        if name not in formats:
            wrong = "is the address of a format that the provider does not have"
            document.problem((*path, "base-urls", name), wrong, f"add {name} to format")


def _check_ways(document: Document, path: KeyPath, provider: dict[str, object]) -> None:
    """No proxy leads to a Unix socket, and no TLS is spoken there."""
    url = provider.get("base-url")
    if not isinstance(url, str) or not url.strip().startswith(("unix:", SOCKET_SCHEME)):
        return
    for key, hint in (("tls", "remove it"), ("proxy-url", "remove it, or write direct")):
        if key in provider and provider[key] != "direct":
            message = "is of no use: base-url is a socket of this machine"
            document.problem((*path, key), message, hint)


def _check_equal_keys(document: Document, data: dict[str, object]) -> None:
    """Report client keys that are equal, since the router could not distinguish them."""
    clients = data.get("clients")
    entries = clients.get("api-keys") if isinstance(clients, dict) else None
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        key = entry.get("key") if isinstance(entry, dict) else entry
        if not isinstance(key, str) or not key.strip():
            continue
        first = seen.setdefault(key.strip(), index)
        if first != index:
            path: KeyPath = ("clients", "api-keys", index)
            document.problem(path, f"is the same key as entry {first}", "remove one of them")
