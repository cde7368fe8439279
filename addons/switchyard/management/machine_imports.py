"""Takes another router's configuration over: what it would become, and a new file of it.

Nothing is ever written over. Where the router runs on the default, the new file is the user's own
and is put in force; else it lies beside the configuration under a name of its own.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from pathlib import Path

from switchyard.config.dotenv import NAME as DOTENV
from switchyard.importers.importing import Imported
from switchyard.importers.importing import ImportOptions
from switchyard.importers.importing import import_members
from switchyard.importers.reading import read_source
from switchyard.importers.rendering import Heading
from switchyard.importers.rendering import render_variables
from switchyard.importers.sources import SOURCES
from switchyard.importers.sources import found_sources
from switchyard.values.files import write_new


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """A new file that has not been written yet."""

    source: str
    file: Path
    """What it is made from."""
    made: Imported
    output: Path
    variables: Path | None
    """Where its secrets go; None where they stand in the file itself, since there is a `.env`."""
    comes_into_force: bool

    @property
    def taken(self) -> Path | None:
        """A file that is there already and would be written over."""
        return self.output if os.path.lexists(self.output) else None


def machine_sources(environ: Mapping[str, str]) -> list[tuple[str, Path]]:
    """Return the routers whose configuration this machine has, each with its file."""
    return found_sources(Path.home(), environ)


def plan_import(
    source: str, file: Path, config: Path, environ: Mapping[str, str], *, is_default: bool
) -> ImportPlan:
    """Return what a router's file becomes beside the configuration at `config`.

    `is_default` says that there is no such file yet, since the default is in force. Raises
    UnreadableSource and NothingImported. Blocks on the disk.
    """
    output = config if is_default else config.parent / f"imported-{source}.yaml"
    variables = output.parent / DOTENV
    inline = os.path.lexists(variables)
    heading = Heading(f"{source} ({file.name})", datetime.now(UTC).date().isoformat())
    made = import_members(
        read_source(file), SOURCES[source].draft, heading, ImportOptions(environ, output, inline)
    )
    return ImportPlan(source, file, made, output, None if inline else variables, is_default)


def write_plan(plan: ImportPlan) -> None:
    """Write a plan's files, for their owner alone. Raises FileExistsError and OSError."""
    written: list[Path] = []
    try:
        if plan.variables is not None and plan.made.variables:
            write_new(plan.variables, render_variables(plan.made.variables, plan.output.name))
            written.append(plan.variables)
        write_new(plan.output, plan.made.text)
    except OSError:
        withdraw(written)
        raise


def withdraw(files: list[Path]) -> None:
    """Remove files that were just written."""
    for file in files:
        file.unlink(missing_ok=True)
