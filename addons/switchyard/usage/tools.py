"""Names the tool that made a request, by its user agent."""

import re

from switchyard.values.remembering import remembering

_PRODUCT = re.compile(r"([A-Za-z0-9][\w .!+@-]{0,60}?)/v?(\d[\w.+-]{0,30})", re.ASCII)
_KNOWN = {
    "claude-cli": "claude-code",
    "claude-code": "claude-code",
    "codex_cli_rs": "codex",
    "codex_exec": "codex",
    "codex_vscode": "codex",
    "codex-tui": "codex",
    "geminicli": "gemini-cli",
    "geminicli-tui": "gemini-cli",
    "githubcopilotchat": "copilot",
    "copilot-cli": "copilot",
    "litellm": "litellm",
    "opencode": "opencode",
    "qwencode": "qwen-code",
    "roo-code": "roo-code",
    "kilo-code": "kilo-code",
    "cline": "cline",
    "cursor": "cursor",
    "zed": "zed",
}
"""What user agents call themselves, in lower case, and the names that people know."""

_SDK = re.compile(r"(?:Async)?(OpenAI|Anthropic)/(?:Python|JS) v?(\d[\w.+-]{0,30})", re.ASCII)
"""The makers' own libraries, which a tool may have behind it."""


@remembering
def _tool_of(agent: str) -> tuple[str | None, str | None]:
    """As `tool_of`, remembered for agents of usual length."""
    if sdk := _SDK.match(agent):
        return f"{sdk[1].lower()}-sdk", sdk[2]
    if not (match := _PRODUCT.search(agent[:512])):
        return None, None
    product, version = match[1].strip(), match[2]
    first = product.split()[0].lower()
    if first in _KNOWN:
        return _KNOWN[first], version
    return product.lower().replace(" ", "-"), version


def tool_of(agent: str | None) -> tuple[str | None, str | None]:
    """Return the tool of a `User-Agent` and its version; None for what it does not say."""
    return _tool_of(agent) if agent else (None, None)
