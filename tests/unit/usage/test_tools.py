"""Tools by their user agents."""

import pytest

from switchyard.usage.tools import tool_of


@pytest.mark.parametrize(
    ("agent", "tool"),
    [
        ("claude-cli/2.1.36 (external, cli)", ("claude-code", "2.1.36")),
        ("codex_cli_rs/0.50.0 (Debian 12; x86_64) xterm", ("codex", "0.50.0")),
        ("GeminiCLI/v22.0/gemini-3-pro (linux; x64)", ("gemini-cli", "22.0")),
        ("GitHubCopilotChat/0.30.1", ("copilot", "0.30.1")),
        ("OpenAI/Python 1.109.1", ("openai-sdk", "1.109.1")),
        ("curl/8.5.0", ("curl", "8.5.0")),
        ("opencode/1.0.2 ai-sdk/5.0", ("opencode", "1.0.2")),
        ("", (None, None)),
        (None, (None, None)),
        ("///", (None, None)),
    ],
)
def test_user_agents(agent: str | None, tool: tuple[str | None, str | None]) -> None:
    assert tool_of(agent) == tool
