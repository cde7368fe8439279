"""Real coding tools that keep their own logins, through the router by HTTPS_PROXY.

`scripts/test --tools` runs all of them; every other run only one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.tools.bench import Outcome
from tests.integration.tools.by_proxy import PASSTHROUGH
from tests.integration.tools.by_proxy import SECRET
from tests.integration.tools.by_proxy import TOOLS
from tests.integration.tools.by_proxy import Homes
from tests.integration.tools.by_proxy import Own
from tests.integration.tools.by_proxy import member
from tests.integration.tools.conftest import FAST
from tests.integration.tools.conftest import Report
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.speech import AWAY
from tests.integration.tools.speech import FAULTS
from tests.integration.tools.speech import FORMATS
from tests.integration.tools.speech import Fault
from tests.integration.tools.speech import Format
from tests.integration.tools.speech import asks_model
from tests.integration.tools.stage import CLIENT_KEY
from tests.integration.tools.stage import KEY
from tests.integration.tools.stage import another
from tests.integration.tools.task import COMMANDS

every_tool = pytest.mark.parametrize("own", TOOLS, ids=lambda own: own.name)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory, upstream_ca: Path) -> Iterator[Homes]:
    homes = Homes(tmp_path_factory.mktemp("homes"), upstream_ca)
    yield homes
    homes.close()


def perform(
    report: Report,
    homes: Homes,
    own: Own,
    *members: str,
    fault: str | None = None,
    locked: bool = False,
) -> Outcome:
    """Runs a tool, unless it is left out of this run or cannot be had."""
    report.skip_unless(own.name == FAST and fault == "429" and not locked)
    try:
        return homes.run(own, members, fault, locked)
    except NotInstalled as error:
        report.skip_missing(own.tool, error)


def judge(outcome: Outcome, own: Own) -> None:
    assert outcome.done, outcome.story()
    assert outcome.ended.status == 0, outcome.story()
    assert not outcome.refused, outcome.story()
    for request in outcome.requests:
        assert SECRET not in str(request.headers), "the tool's credential went elsewhere"
        assert SECRET.encode() not in request.body, "the tool's credential went elsewhere"
    for request in outcome.at_home:
        assert KEY not in str(request.headers), "a provider's key went to the tool's own host"


def calls(own: Own) -> int:
    return 1 if own.tool == "aider" else len(COMMANDS) + 1


@every_tool
def test_its_own_host_answers(homes: Homes, report: Report, own: Own) -> None:
    outcome = perform(report, homes, own, PASSTHROUGH)
    report.add(f"{own.name} by proxy", "passthrough", outcome, passed=outcome.done)
    judge(outcome, own)
    asked = [request for request in outcome.at_home if asks_model(request)]
    assert len(asked) >= calls(own) and not outcome.requests, outcome.story()
    for request in asked:
        assert SECRET in str(request.headers) or SECRET in request.target


@every_tool
@pytest.mark.parametrize("format", FORMATS)
def test_another_provider_answers(homes: Homes, report: Report, own: Own, format: Format) -> None:
    outcome = perform(report, homes, own, member(format))
    report.add(f"{own.name} by proxy", f"by {format}", outcome, passed=outcome.done)
    judge(outcome, own)
    assert len(outcome.requests) >= calls(own), outcome.story()
    assert not any(map(asks_model, outcome.at_home)), outcome.story()
    assert outcome.sockets == (own.tool == "codex"), outcome.story()


@every_tool
@pytest.mark.parametrize("fault", FAULTS)
def test_another_provider_helps_out(homes: Homes, report: Report, own: Own, fault: Fault) -> None:
    other = another(own.format)
    outcome = perform(report, homes, own, PASSTHROUGH, member(other), fault=fault)
    case = f"passthrough {fault}, then {other}"
    report.add(f"{own.name} by proxy", case, outcome, passed=outcome.done)
    judge(outcome, own)
    assert any(map(asks_model, outcome.at_home)), outcome.story()
    assert len(outcome.requests) >= calls(own), outcome.story()


@every_tool
@pytest.mark.parametrize("other", FORMATS)
def test_its_own_host_is_asked_again_once_it_is_back(
    homes: Homes, report: Report, own: Own, other: Format
) -> None:
    """The plan is used up for the task's second turn alone: what another provider said there does
    not make the tool's own refuse the third."""
    if own.tool == "aider":
        pytest.skip("aider's task has one turn")
    outcome = perform(report, homes, own, PASSTHROUGH, member(other), fault=AWAY)
    case = f"{other} has the second turn"
    report.add(f"{own.name} by proxy", case, outcome, passed=outcome.done)
    judge(outcome, own)
    assert outcome.requests, outcome.story()
    assert len([each for each in outcome.at_home if asks_model(each)]) >= 3, outcome.story()


@every_tool
def test_the_key_that_a_router_asks_for_is_shown_to_it(
    homes: Homes, report: Report, own: Own
) -> None:
    """And to nobody else: the tool's own login goes on, the router's key does not."""
    other = another(own.format)
    outcome = perform(report, homes, own, PASSTHROUGH, member(other), fault="429", locked=True)
    report.add(f"{own.name} by proxy", "with a client key", outcome, passed=outcome.done)
    judge(outcome, own)
    asked = [request for request in outcome.at_home if asks_model(request)]
    assert asked and outcome.requests, outcome.story()
    for request in (*outcome.at_home, *outcome.requests):
        assert CLIENT_KEY not in str(request.headers), "the router's key went on"
