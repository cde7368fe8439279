"""The stage that real tools are run on, and the table of how they fared."""

from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.integration.tools.bench import Outcome
from tests.integration.tools.installing import NotInstalled
from tests.integration.tools.isolation import namespace
from tests.integration.tools.stage import Stage
from tests.integration.tools.stage import open_stage

FAST = "gemini"
"""The tool that every run has: what is fetched for it is the smallest, 72 MB with its Node."""


class Report:
    """How each tool fared in each case, and what it sent that had to be left out."""

    def __init__(self, everything: bool) -> None:
        """`everything`: all tools are to be run."""
        self._everything = everything
        self.missing: dict[str, str] = {}
        self.rows: dict[str, dict[str, str]] = {}
        self.dropped: dict[str, dict[str, set[str]]] = {}
        self.refused: set[str] = set()

    def skip_unless(self, fast: bool) -> None:
        """Skips a test that is not one of every run's, unless all are wanted."""
        if not fast and not self._everything:
            pytest.skip("only under scripts/test --tools")

    def skip_missing(self, tool: str, why: NotInstalled) -> NoReturn:
        self.missing[tool] = str(why)
        pytest.skip(f"{tool} cannot be installed here: {why}")

    def add(self, client: str, case: str, outcome: Outcome | None, passed: bool) -> None:
        took = f"{outcome.ended.seconds:.1f} s" if outcome else "-"
        self.rows.setdefault(client, {})[case] = took if passed else f"FAILED {took}"
        if outcome is None:
            return
        for name in outcome.dropped:
            self.dropped.setdefault(client, {}).setdefault(name, set()).add(case)
        self.refused |= {seen["refused"] for seen in outcome.watched if "refused" in seen}


_report = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Report:
    return request.config.stash.setdefault(
        _report, Report(everything=bool(request.config.getoption("--tools")))
    )


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = open_stage(tmp_path_factory.mktemp("tools"))
    yield stage
    stage.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    report = terminalreporter.config.stash.get(_report, None)
    if report is None or not (report.rows or report.missing):
        return
    write = terminalreporter.write_line
    terminalreporter.section("real tools")
    write(f"apart from the network: {'yes' if namespace() else 'NO, it is not permitted here'}")
    for tool, why in report.missing.items():
        write(f"NOT RUN: {tool} cannot be installed here: {why}", red=True)
    for client, row in report.rows.items():
        write(f"{client}:")
        for case, result in row.items():
            write(f"  {case:<28} {result}")
        for name, cases in sorted(report.dropped.get(client, {}).items()):
            write(f"  dropped {name}: {', '.join(sorted(cases))}")
    if report.refused:
        write(f"kept from: {', '.join(sorted(report.refused))}")
