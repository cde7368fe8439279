"""Whatever an upstream does, the client sees a good answer or one right error: never both, nothing
of a failed attempt, and never nothing."""

import asyncio

import pytest

from tests.integration.faults.catalogue import Fault
from tests.integration.faults.catalogue import catalogue
from tests.integration.faults.conftest import RESULTS
from tests.integration.faults.matrix import Cell
from tests.integration.faults.matrix import Sites
from tests.integration.faults.matrix import run
from tests.support.router import Router


@pytest.mark.parametrize("fault", catalogue(), ids=lambda fault: fault.name)
async def test_fault(fault: Fault, cells: dict[str, Cell], sites: Sites, router: Router) -> None:
    mine = [cell for cell in cells.values() if cell.fault.name == fault.name]
    problems = await asyncio.gather(*(run(cell, router, sites) for cell in mine))
    wrong = {cell.id: problem for cell, problem in zip(mine, problems, strict=True) if problem}
    RESULTS[fault.name] = fault, len(mine), wrong
    assert not wrong, "\n".join(f"{name}\n    {problem}" for name, problem in wrong.items())
