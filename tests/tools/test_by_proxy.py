"""Real coding tools that keep their own logins, through the router by HTTPS_PROXY."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.bench import Outcome
from tests.tools.by_proxy import PASSTHROUGH
from tests.tools.by_proxy import SECRET
from tests.tools.by_proxy import TOOLS
from tests.tools.by_proxy import Homes
from tests.tools.by_proxy import Own
from tests.tools.by_proxy import member
from tests.tools.conftest import Report
from tests.tools.installing import NotInstalled
from tests.tools.speech import FAULTS
from tests.tools.speech import FORMATS
from tests.tools.speech import Fault
from tests.tools.speech import Format
from tests.tools.speech import asks_model
from tests.tools.stage import KEY
from tests.tools.stage import another
from tests.tools.task import COMMANDS

every_tool = pytest.mark.parametrize("own", TOOLS, ids=lambda own: own.name)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory, upstream_ca: Path) -> Iterator[Homes]:
    homes = Homes(tmp_path_factory.mktemp("homes"), upstream_ca)
    yield homes
    homes.close()


@pytest.fixture(autouse=True)
def chosen(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--tools"):
        pytest.skip("only under scripts/test --tools")


def perform(homes: Homes, own: Own, *members: str, fault: Fault | None = None) -> Outcome:
    try:
        return homes.run(own, members, fault)
    except NotInstalled as error:
        pytest.skip(f"{own.tool} cannot be installed here: {error}")


def judge(outcome: Outcome, own: Own) -> None:
    assert outcome.done, outcome.story()
    assert outcome.ended.status == 0, outcome.story()
    for request in outcome.requests:
        assert SECRET not in str(request.headers), "the tool's credential went elsewhere"
        assert SECRET.encode() not in request.body, "the tool's credential went elsewhere"
    for request in outcome.at_home:
        assert KEY not in str(request.headers), "a provider's key went to the tool's own host"


def calls(own: Own) -> int:
    return 1 if own.tool == "aider" else len(COMMANDS) + 1


@every_tool
def test_its_own_host_answers(homes: Homes, report: Report, own: Own) -> None:
    outcome = perform(homes, own, PASSTHROUGH)
    report.add(f"{own.name} by proxy", "passthrough", outcome, passed=outcome.done)
    judge(outcome, own)
    asked = [request for request in outcome.at_home if asks_model(request)]
    assert len(asked) >= calls(own) and not outcome.requests, outcome.story()
    for request in asked:
        assert SECRET in str(request.headers) or SECRET in request.target


@every_tool
@pytest.mark.parametrize("format", FORMATS)
def test_another_provider_answers(homes: Homes, report: Report, own: Own, format: Format) -> None:
    outcome = perform(homes, own, member(format))
    report.add(f"{own.name} by proxy", f"by {format}", outcome, passed=outcome.done)
    judge(outcome, own)
    assert len(outcome.requests) >= calls(own), outcome.story()
    assert not any(map(asks_model, outcome.at_home)), outcome.story()


@every_tool
@pytest.mark.parametrize("fault", FAULTS)
def test_another_provider_helps_out(homes: Homes, report: Report, own: Own, fault: Fault) -> None:
    other = another(own.format)
    outcome = perform(homes, own, PASSTHROUGH, member(other), fault=fault)
    case = f"passthrough {fault}, then {other}"
    report.add(f"{own.name} by proxy", case, outcome, passed=outcome.done)
    judge(outcome, own)
    assert any(map(asks_model, outcome.at_home)), outcome.story()
    assert len(outcome.requests) >= calls(own), outcome.story()
