"""Says what to set so that a tool calls the router with a key."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from switchyard.clients.tool_table import ANY
from switchyard.clients.tool_table import read_table
from switchyard.programs import program_of

_RUN = f"{program_of('run-with')} --base-url"


@dataclass(frozen=True, slots=True)
class ToolCard:
    """How one tool is set up, for people to read and copy."""

    name: str
    title: str
    install: str
    run: str
    """The line that starts the tool for one run, and leaves its configuration alone."""
    lines: list[str]
    """Lines for a shell that set it up for good; empty where it takes none."""
    note: str
    """What to write into the tool's own settings; empty where nothing has to be."""


def tool_environment(tool: str, router: str, key: str) -> dict[str, str]:
    """Return the variables that lead a tool to the router at an address, with its key.

    Empty where a tool needs more than variables; `scripts/run-with` sets that.
    """
    table = read_table()
    return table.get(tool, table[ANY]).variables({"router": router, "address": router, "key": key})


def setup_lines(tool: str, router: str, key: str) -> list[str]:
    """Return lines for a shell that lead a tool to the router, with its key."""
    if not (found := tool_environment(tool, router, key)):
        quoted = shlex.quote(key)
        return [f"SWITCHYARD_KEY={quoted} {_RUN} --router {router} {tool}"]
    return _exports(found)


def tool_cards(router: str, key: str, model: str) -> list[ToolCard]:
    """Return a card for each tool, with the router's address, a key and a model filled in."""
    values = {"router": router, "address": router, "key": key, "model": model}
    start = f"{_RUN} --router {shlex.quote(router)} --model {shlex.quote(model)}"
    return [
        ToolCard(
            name=name,
            title=tool.title,
            install=tool.install,
            run=f"{start} {name}",
            lines=_exports(tool.variables(values)),
            note=tool.note(values).strip(),
        )
        for name, tool in read_table().items()
        if name != ANY
    ]


def _exports(variables: Mapping[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
