"""The table of the providers' own hosts, and the shipped one."""

from typing import Any

import pytest

from switchyard.config.hosts import HostTable
from switchyard.config.hosts import HostTableError
from switchyard.config.shipped import known_hosts

FORMATS = {"anthropic", "gemini", "openai-chat"}


def table(**said: Any) -> HostTable:
    return HostTable.from_data({"api.example.com": said}, FORMATS)


def test_paths_are_calls() -> None:
    hosts = table(
        calls=[
            {"path": "/v1/messages", "format": "anthropic"},
            {"path": "/{v}/models/{m}:count", "format": "gemini", "kind": "count"},
        ]
    )
    host = hosts.get("API.example.com")
    assert host is not None and hosts.get("example.com") is None
    found = host.call("/v1/messages/?beta=true")
    assert found and (found.format, found.kind) == ("anthropic", "generate")
    found = host.call("/v1beta/models/a/b:count")
    assert found and (found.format, found.kind) == ("gemini", "count")
    for path in ("/v1/messages/batches", "/x/v1/messages", "/v1/models/m:other", "/v1/messagesx"):
        assert host.call(path) is None


def test_homes_by_header() -> None:
    hosts = HostTable.from_data(
        {
            "a.example": {"home": ["gemini"], "home-header": "x-account"},
            "b.example": {"home": ["gemini"]},
        },
        FORMATS,
    )
    homes = [hosts.home("gemini", headers) for headers in ({"x-account"}, {"x"})]
    assert [home and home.name for home in homes] == ["a.example", "b.example"]
    assert hosts.home("anthropic", {"x-account"}) is None


@pytest.mark.parametrize(
    "said",
    [
        {"home": ["klingon"]},
        {"calls": [{"path": "/v1/x", "format": "klingon"}]},
        {"calls": [{"path": "v1/x", "format": "gemini"}]},
        {"calls": [{"path": "/v1/x", "format": "gemini", "kind": "sing"}]},
    ],
)
def test_a_bad_table_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(HostTableError, match=r"api\.example\.com"):
        table(**said)


@pytest.mark.parametrize(
    ("host", "path", "format", "kind"),
    [
        ("api.anthropic.com", "/v1/messages?beta=true", "anthropic", "generate"),
        ("api.anthropic.com", "/v1/messages/count_tokens", "anthropic", "count"),
        ("api.anthropic.com", "/api/event_logging/v2/batch", None, ""),
        ("api.anthropic.com", "/v1/files", None, ""),
        ("chatgpt.com", "/backend-api/codex/responses", "openai-responses", "generate"),
        ("chatgpt.com", "/backend-api/wham/accounts/check", None, ""),
        ("api.openai.com", "/v1/responses", "openai-responses", "generate"),
        ("api.openai.com", "/v1/audio/speech", None, ""),
        ("generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent?alt=sse",
         "gemini", "generate"),
        ("generativelanguage.googleapis.com", "/v1beta/models", None, ""),
        ("cloudcode-pa.googleapis.com", "/v1internal:generateContent", "gemini-code-assist",
         "generate"),
        ("cloudcode-pa.googleapis.com", "/v1internal:loadCodeAssist", None, ""),
        ("openrouter.ai", "/api/v1/messages", "anthropic", "generate"),
        ("api.githubcopilot.com", "/responses", "openai-responses", "generate"),
        ("portal.qwen.ai", "/v1/chat/completions", "openai-chat", "generate"),
        ("chat.qwen.ai", "/api/v1/oauth2/token", None, ""),
        ("api.cline.bot", "/api/v1/chat/completions", "openai-chat", "generate"),
    ],
)  # fmt: skip
def test_the_shipped_table(host: str, path: str, format: str | None, kind: str) -> None:
    known = known_hosts().get(host)
    assert known is not None
    call = known.call(path)
    assert (call.format, call.kind) == (format, kind) if call else format is None


def test_logins_are_told_from_keys() -> None:
    login = known_hosts().get("api.anthropic.com").login  # type: ignore[union-attr]
    assert login and login.match("sk-ant-oat01-x") and not login.match("sk-ant-api03-x")


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("api.antropic.com", "api.anthropic.com"),
        ("api.openai.co", "api.openai.com"),
        ("api.anthropic.com", None),
        ("llm.corp.example", None),
        ("api.mistral.ai", None),
    ],
)
def test_misspelt_hosts(host: str, meant: str | None) -> None:
    assert known_hosts().misspelt(host) == meant
