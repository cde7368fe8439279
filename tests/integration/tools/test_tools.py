"""Real coding tools do a task through the router, whatever format the provider behind it speaks.

`scripts/test --tools` runs all of them; every other run only one.
"""

import re

import pytest

from tests.integration.tools.bench import Outcome
from tests.integration.tools.clients import CLIENTS
from tests.integration.tools.clients import Client
from tests.integration.tools.conftest import FAST
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.installing import pinned
from tests.integration.tools.speech import AT_ONCE
from tests.integration.tools.speech import AWAY
from tests.integration.tools.speech import BREAKS
from tests.integration.tools.speech import FAULTS
from tests.integration.tools.speech import FAULTY
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import SLOW
from tests.integration.tools.speech import Fault
from tests.integration.tools.speech import Format
from tests.integration.tools.stage import CLIENT_KEY
from tests.integration.tools.stage import MODEL
from tests.integration.tools.stage import Stage
from tests.integration.tools.stage import after
from tests.integration.tools.stage import another
from tests.integration.tools.stage import goes_on
from tests.integration.tools.stage import in_turns
from tests.integration.tools.stage import via
from tests.integration.tools.task import COMMANDS
from tests.support.router import ROOT

FAST_MODELS = (via("anthropic"), after("overloaded", "gemini"))
"""What the tool of every run asks for: another format's answer, and a failure before it."""

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
main_clients = pytest.mark.parametrize(
    "client", [c for c in CLIENTS if c.by_hand is None], ids=lambda client: client.name
)


def perform(
    report: Report, stage: Stage, client: Client, model: str, locked: bool = False
) -> Outcome:
    """Runs a tool, unless it is left out of this run or cannot be had."""
    report.skip_unless(client.name == FAST and model in FAST_MODELS)
    try:
        return stage.run(client, model, locked)
    except NotInstalled as error:
        report.skip_missing(client.tool, error)


def judge(outcome: Outcome, client: Client, turns: int = len(COMMANDS) + 1) -> None:
    assert outcome.done, outcome.story()
    assert outcome.ended.status == 0, outcome.story()
    assert not outcome.refused, outcome.story()
    least = 1 if client.tool == "aider" else turns
    assert len(outcome.requests) >= least, outcome.story()


def test_the_documented_versions_are_those_that_are_run() -> None:
    told = (ROOT / "docs" / "tools.md").read_text()
    node, tools = pinned()
    versions = re.findall(r"^\|[^|]+\| (\d[\d.]+) \|", told, re.MULTILINE)
    assert versions == [package.version for package in tools.values()]
    assert f"Node is {node.version}" in told


@every_client
@pytest.mark.parametrize("format", FORMATS)
def test_the_task_is_done_whatever_the_provider_speaks(
    stage: Stage, report: Report, client: Client, format: Format
) -> None:
    outcome = perform(report, stage, client, via(format))
    case = "native" if format == client.format else f"by {format}"
    report.add(client.name, case, outcome, passed=outcome.done)
    judge(outcome, client)


@main_clients
@pytest.mark.parametrize("format", FORMATS)
def test_both_commands_are_run_when_asked_for_at_once(
    stage: Stage, report: Report, client: Client, format: Format
) -> None:
    if client.tool == "aider":
        pytest.skip("aider has no tools")
    outcome = perform(report, stage, client, via(format) + AT_ONCE)
    report.add(client.name, f"two calls at once, {format}", outcome, passed=outcome.done)
    judge(outcome, client, turns=2)


@main_clients
@pytest.mark.parametrize("fault", FAULTS)
def test_the_task_is_done_though_the_first_member_fails(
    stage: Stage, report: Report, client: Client, fault: Fault
) -> None:
    outcome = perform(report, stage, client, after(fault, client.format))
    case = f"{fault}, then {another(client.format)}"
    report.add(client.name, case, outcome, passed=outcome.done)
    judge(outcome, client)
    assert outcome.models() == {FAULTY + fault, MODEL}, outcome.story()


@main_clients
@pytest.mark.parametrize("other", FORMATS)
def test_providers_take_turns(stage: Stage, report: Report, client: Client, other: Format) -> None:
    """What one provider said must not make the next one refuse the conversation."""
    if client.tool == "aider":
        pytest.skip("aider's task has one turn")
    outcome = perform(report, stage, client, in_turns(client.format, other))
    report.add(client.name, f"{other} has the second turn", outcome, passed=outcome.done)
    judge(outcome, client)
    assert outcome.models() == {MODEL + AWAY, MODEL}, outcome.story()
    outcome = perform(report, stage, client, in_turns(other, client.format))
    report.add(client.name, f"{other} has first and third", outcome, passed=outcome.done)
    judge(outcome, client)


@main_clients
def test_signs_of_life_do_no_harm(stage: Stage, report: Report, client: Client) -> None:
    """The model says nothing for several heartbeats."""
    outcome = perform(report, stage, client, via(another(client.format)) + SLOW)
    report.add(client.name, f"slow {another(client.format)}", outcome, passed=outcome.done)
    judge(outcome, client)


@main_clients
def test_an_answer_that_breaks_off_is_gone_on_with(
    stage: Stage, report: Report, client: Client
) -> None:
    outcome = perform(report, stage, client, goes_on(client.format))
    case = f"breaks off, {another(client.format)} goes on"
    report.add(client.name, case, outcome, passed=outcome.done)
    judge(outcome, client)
    assert outcome.models() == {FAULTY + BREAKS, MODEL}, outcome.story()


@main_clients
def test_a_router_that_asks_for_a_key_gets_it(stage: Stage, report: Report, client: Client) -> None:
    outcome = perform(report, stage, client, via(client.format), locked=True)
    report.add(client.name, "with a client key", outcome, passed=outcome.done)
    judge(outcome, client)
    for asked in outcome.requests:
        assert CLIENT_KEY not in str(asked.headers), "the router's key went to a provider"
