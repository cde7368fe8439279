"""What to set for a tool."""

import pytest

from switchyard.clients.tool_setup import known_tools
from switchyard.clients.tool_setup import setup_lines
from switchyard.clients.tool_setup import tool_environment

ROUTER, KEY = "http://127.0.0.1:8787", "sk-swy-abc"


def test_variables_are_enough_for_some_tools() -> None:
    assert tool_environment("claude", ROUTER, KEY) == {
        "ANTHROPIC_BASE_URL": ROUTER,
        "ANTHROPIC_AUTH_TOKEN": KEY,
    }
    assert setup_lines("aider", ROUTER, KEY) == [
        f"export OPENAI_API_BASE={ROUTER}/v1",
        f"export OPENAI_API_KEY={KEY}",
    ]


def test_an_unknown_tool_gets_what_any_gets() -> None:
    assert setup_lines("other", ROUTER, KEY) == setup_lines("any", ROUTER, KEY)


@pytest.mark.parametrize("tool", known_tools())
def test_every_tool_is_led_to_the_router_with_the_key(tool: str) -> None:
    lines = "\n".join(setup_lines(tool, ROUTER, KEY))
    assert ROUTER in lines and KEY in lines and "{" not in lines


@pytest.mark.parametrize("tool", ["codex", "gemini", "cline", "opencode"])
def test_tools_that_need_more_are_started_by_run_with(tool: str) -> None:
    (line,) = setup_lines(tool, ROUTER, KEY)
    assert line.endswith(f"scripts/run-with --base-url --router {ROUTER} {tool}")
