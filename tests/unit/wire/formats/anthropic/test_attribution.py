"""Claude Code's line for billing."""

import copy
from typing import Any

import pytest

from switchyard.wire.formats.anthropic.attribution import has_attribution
from switchyard.wire.formats.anthropic.attribution import without_attribution

LINE = "x-anthropic-billing-header: cc_version=2.1.36.f1d; cc_entrypoint=cli; cch=a1b2c;"
PROMPT = {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("system", "left"),
    [
        ([{"type": "text", "text": LINE}, PROMPT], [PROMPT]),
        (f"{LINE}\nYou are Claude Code.", "You are Claude Code."),
        ([PROMPT], [PROMPT]),
        ("You are x-anthropic-billing-header: no", "You are x-anthropic-billing-header: no"),
        ([{"type": "text", "text": f"{LINE}\nand a prompt"}], None),
    ],
)
def test_the_line_is_left_out(system: Any, left: Any) -> None:
    body = {"model": "m", "system": system, "messages": []}
    before = copy.deepcopy(body)
    found = without_attribution(body)
    assert body == before
    assert found["system"] == (left if left is not None else system)
    assert list(found) == list(body)
    assert not has_attribution(found)


@pytest.mark.parametrize("system", [[{"type": "text", "text": LINE}], LINE])
def test_nothing_is_left_of_a_prompt_that_is_the_line(system: Any) -> None:
    assert without_attribution({"system": system, "messages": []}) == {"messages": []}


@pytest.mark.parametrize("system", [None, 7, [], [None], [{"text": 7}], {}])
def test_odd_prompts(system: Any) -> None:
    body = {"system": system}
    assert without_attribution(body) is body
