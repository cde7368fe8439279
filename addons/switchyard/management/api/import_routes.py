"""Routes that take over the configuration of other routers found on this machine."""

import asyncio
import os

from fastapi import APIRouter
from pydantic import BaseModel
from pydantic import Field

from switchyard.config.editing.editor import masked_text
from switchyard.config.problems import ConfigError
from switchyard.importers.members import collapsed
from switchyard.importers.pruning import NothingImported
from switchyard.importers.reading import UnreadableSource
from switchyard.management.api.bodies import RequestBody
from switchyard.management.api.doorkeeper import Admin
from switchyard.management.api.errors import CHANGES
from switchyard.management.api.errors import PROBLEMS
from switchyard.management.api.errors import ApiProblem
from switchyard.management.api.errors import details_of
from switchyard.management.changing import Changes
from switchyard.management.desk import Desk
from switchyard.management.machine_imports import ImportPlan
from switchyard.management.machine_imports import machine_sources
from switchyard.management.machine_imports import plan_import
from switchyard.management.machine_imports import withdraw
from switchyard.management.machine_imports import write_plan


class FoundRouter(BaseModel):
    """Another router that this machine has."""

    source: str
    file: str


class FoundRouters(BaseModel):
    found: list[FoundRouter]


class ImportWish(RequestBody):
    """What is to be taken over."""

    source: str = Field(max_length=64)
    """One of those that `GET import` found."""
    dry_run: bool = True
    """Show what would be written, and write nothing."""


class ShownImport(BaseModel):
    """What another router's configuration becomes."""

    source: str
    file: str
    output: str
    variables: str | None
    """Where secrets go; None where they stand in the file itself, since there is a `.env`."""
    text: str
    """The new file, with secrets masked."""
    missing: list[str]
    """Variables that it names and the environment lacks."""
    left_out: list[str]
    notes: list[str]
    """What works otherwise than in the source."""
    models: list[str]
    """What it is asked for, its main models first."""
    taken: str | None
    """A file that is there already, so that nothing can be written."""
    comes_into_force: bool
    written: bool


def import_routes(desk: Desk, changes: Changes) -> APIRouter:
    """Returns the routes."""
    routes = APIRouter(tags=["import"], responses=PROBLEMS)

    @routes.get("/import")
    async def find_routers(caller: Admin) -> FoundRouters:
        """Returns other routers whose configuration is on this machine."""
        found = await asyncio.to_thread(machine_sources, os.environ)
        rows = [FoundRouter(source=name, file=str(file)) for name, file in found]
        return FoundRouters(found=rows)

    @routes.post("/import", responses=CHANGES)
    async def take_over(caller: Admin, wish: ImportWish) -> ShownImport:
        """Shows what another router's configuration becomes, or writes it into a new file."""
        plan = await _plan(desk, wish.source)
        if wish.dry_run:
            return await _shown(plan, written=False)
        await _write(desk, plan)
        await changes.note(caller, f"import {plan.source} to {plan.output.name}")
        return await _shown(plan, written=True)

    return routes


async def _plan(desk: Desk, source: str) -> ImportPlan:
    found = dict(await asyncio.to_thread(machine_sources, os.environ))
    if source not in found:
        raise ApiProblem(
            404, "No configuration of this router is found here. GET import lists them."
        )
    reloading = desk.reloading
    is_default = reloading.template is not None and not os.path.lexists(reloading.path)
    try:
        return await asyncio.to_thread(
            plan_import, source, found[source], reloading.path, reloading.environ,
            is_default=is_default,
        )  # fmt: skip
    except (UnreadableSource, NothingImported) as e:
        raise ApiProblem(422, f"Nothing can be taken over: {e}.") from None
    except ConfigError as e:
        raise ApiProblem(422, "What it becomes would not be valid.", details_of(e)) from None


async def _write(desk: Desk, plan: ImportPlan) -> None:
    if plan.taken is not None:
        raise ApiProblem(409, f"{plan.taken} is there already and stays as it is.")
    if plan.comes_into_force and (why := desk.reloading.why_not(plan.made.config)):
        raise ApiProblem(422, why)
    try:
        await asyncio.to_thread(write_plan, plan)
    except FileExistsError as e:
        raise ApiProblem(409, f"{e.filename} is there already and stays as it is.") from None
    except OSError as e:
        raise ApiProblem(503, f"The new file cannot be written ({e.strerror}).") from None
    if plan.comes_into_force and (why := await desk.reloading.reload()):
        files = [plan.output, *([plan.variables] if plan.variables is not None else [])]
        await asyncio.to_thread(withdraw, files)
        raise ApiProblem(422, f"It cannot be put in force, and was taken back: {why}")


async def _shown(plan: ImportPlan, *, written: bool) -> ShownImport:
    made = plan.made
    return ShownImport(
        source=plan.source,
        file=str(plan.file),
        output=str(plan.output),
        variables=str(plan.variables) if plan.variables is not None and made.variables else None,
        text=await asyncio.to_thread(masked_text, made.text.encode()),
        missing=list(made.missing),
        left_out=collapsed(made.report.left_out),
        notes=collapsed(made.report.notes),
        models=list(made.main_models),
        taken=str(plan.taken) if plan.taken is not None and not written else None,
        comes_into_force=plan.comes_into_force,
        written=written,
    )
