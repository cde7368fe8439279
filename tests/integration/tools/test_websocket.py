"""Codex of itself speaks to its provider over a WebSocket, also where that is the router."""

import pytest

from tests.integration.tools.bench import Outcome
from tests.integration.tools.clients import CLIENTS
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.speech import FAULTS
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import SLOW
from tests.integration.tools.stage import Stage
from tests.integration.tools.stage import after
from tests.integration.tools.stage import goes_on
from tests.integration.tools.stage import in_turns
from tests.integration.tools.stage import via
from tests.integration.tools.task import COMMANDS

CODEX = next(client for client in CLIENTS if client.name == "codex-builtin")
TURNS = len(COMMANDS) + 1
MODELS = {
    **{f"by {format}": via(format) for format in FORMATS},
    **{f"{fault} first": after(fault, "openai-chat") for fault in FAULTS},
    "slow": via("anthropic") + SLOW,
    "breaks off": goes_on("openai-responses"),
    "in turns": in_turns("openai-responses", "gemini"),
    "in turns, the other way": in_turns("anthropic", "openai-responses"),
}


def perform(stage: Stage, model: str) -> Outcome:
    try:
        return stage.run(CODEX, model)
    except NotInstalled as error:
        pytest.skip(f"codex cannot be installed here: {error}")


@pytest.mark.parametrize("case", MODELS)
def test_codex_does_the_task_over_a_websocket(
    request: pytest.FixtureRequest, stage: Stage, report: Report, case: str
) -> None:
    if not request.config.getoption("--tools"):
        pytest.skip("only under scripts/test --tools")
    outcome = perform(stage, MODELS[case])
    report.add("codex over a WebSocket", case, outcome, passed=outcome.done)
    assert outcome.done and not outcome.refused, outcome.story()
    assert outcome.ended.status == 0, outcome.story()
    handshake, warm_up, *turns = outcome.watched
    assert handshake["status"] == 101 and outcome.sockets == 1, outcome.story()
    assert len(turns) == TURNS, outcome.story()
    asked = [seen for seen in (warm_up, *turns) if seen["method"] == "POST"]
    assert len(asked) == TURNS + 1 and all(seen["status"] == 200 for seen in asked)
    assert not warm_up["goes_on"] and not warm_up["provider"], outcome.story()
    assert all(seen["goes_on"] for seen in turns), "only new items were not enough"
