"""One router and one set of upstreams for the whole matrix, and its summary at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import catalogue
from tests.integration.faults.matrix import Cell
from tests.integration.faults.matrix import Sites
from tests.integration.faults.matrix import cells_of
from tests.integration.faults.matrix import configuration
from tests.support.router import Router

RESULTS: dict[str, tuple[Fault, int, dict[str, str]]] = {}
"""Of each behaviour: how many cells it has, and what is wrong with which."""


@pytest.fixture(scope="session")
def cells() -> dict[str, Cell]:
    return {cell.id: cell for fault in catalogue() for cell in cells_of(fault)}


@pytest.fixture(scope="session")
def sites(cells: dict[str, Cell]) -> Iterator[Sites]:
    sites = Sites(cells)
    yield sites
    sites.stop()


@pytest.fixture(scope="session")
def router(
    cells: dict[str, Cell],
    sites: Sites,
    upstream_ca: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Router]:
    directory = tmp_path_factory.mktemp("faults")
    config = configuration(cells, sites)
    with Router(directory, config, "--set", "flow_detail=0", trust=upstream_ca) as router:
        yield router


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not RESULTS:
        return
    write = terminalreporter.write_line
    write("")
    write(f"{'behaviour':34}{'sort':9}{'cells':>6}{'right':>7}")
    for name, (fault, count, wrong) in RESULTS.items():
        write(f"{name:34}{fault.sort:9}{count:6}{count - len(wrong):7}{'  <--' if wrong else ''}")
    total = sum(count for _, count, _ in RESULTS.values())
    right = total - sum(len(wrong) for _, _, wrong in RESULTS.values())
    write(f"faults: {right} of {total}")
