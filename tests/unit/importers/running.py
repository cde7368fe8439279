"""Imports examples as the command does."""

from collections.abc import Mapping
from pathlib import Path

from switchyard.importers.importing import Imported
from switchyard.importers.importing import ImportOptions
from switchyard.importers.importing import import_members
from switchyard.importers.reading import read_text
from switchyard.importers.rendering import Heading
from switchyard.importers.sources import SOURCES

FILE = Path("/etc/switchyard/imported.yaml")
HEADING = Heading("test", "2026-11-29")


def imported(
    source: str,
    data: Mapping[str, object] | str,
    environ: Mapping[str, str] | None = None,
    *,
    inline: bool = False,
) -> Imported:
    """Returns what a source's data becomes; a text is read first."""
    if isinstance(data, str):
        read = read_text(data)
        assert isinstance(read, dict)
        data = read
    options = ImportOptions(environ or {}, FILE, inline)
    return import_members(data, SOURCES[source_of(source)].draft, HEADING, options)


def source_of(example: str) -> str:
    """Returns the source of an example, whose name may have a version."""
    return example.partition(" ")[0]


def body(made: Imported) -> str:
    """The new file without its comments."""
    lines = made.text.splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def left_out(made: Imported) -> dict[str, str]:
    return {line.path: line.why for line in made.report.left_out}
