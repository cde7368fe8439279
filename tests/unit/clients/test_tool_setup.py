"""What to set for a tool."""

import pytest

from switchyard.clients.tool_setup import setup_lines
from switchyard.clients.tool_setup import tool_cards
from switchyard.clients.tool_setup import tool_environment
from switchyard.clients.tool_table import read_table

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


@pytest.mark.parametrize("tool", list(read_table()))
def test_every_tool_is_led_to_the_router_with_the_key(tool: str) -> None:
    lines = "\n".join(setup_lines(tool, ROUTER, KEY))
    assert ROUTER in lines and KEY in lines and "{" not in lines


@pytest.mark.parametrize("tool", ["codex", "gemini", "cline", "opencode"])
def test_tools_that_need_more_are_started_by_run_with(tool: str) -> None:
    (line,) = setup_lines(tool, ROUTER, KEY)
    assert line.endswith(f"scripts/run-with --base-url --router {ROUTER} {tool}")


def test_cards_have_everything_filled_in() -> None:
    cards = tool_cards(ROUTER, KEY, "my coding")
    assert [card.name for card in cards] == [name for name in list(read_table()) if name != "any"]
    for card in cards:
        texts = [card.title, card.install, card.run, *card.lines, card.note]
        assert not any("{router}" in text or "{model}" in text for text in texts)
        assert f"--model 'my coding' {card.name}" in card.run


def test_a_card_sets_what_run_with_sets() -> None:
    (claude,) = (card for card in tool_cards(ROUTER, KEY, "glm") if card.name == "claude")
    assert claude.lines[:3] == [
        f"export ANTHROPIC_BASE_URL={ROUTER}",
        f"export ANTHROPIC_AUTH_TOKEN={KEY}",
        "export ANTHROPIC_MODEL=glm",
    ]
