"""Says what to set so that a tool calls the router with a key."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from switchyard.files import SHIPPED
from switchyard.programs import program_of

ANY = "any"
"""The entry of tools that have none of their own."""

_RUN = f"{program_of('run-with')} --base-url"
_PLACE = re.compile(r"\{[a-z-]+\}")


@cache
def _table() -> dict[str, Any]:
    return YAML(typ="safe").load(SHIPPED / "tools.yaml")["tools"]


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


def known_tools() -> list[str]:
    """Return the commands of the tools that the shipped table knows."""
    return list(_table())


def tool_environment(tool: str, router: str, key: str) -> dict[str, str]:
    """Return the variables that lead a tool to the router at an address, with its key.

    Empty where a tool needs more than variables; `scripts/run-with` sets that.
    """
    own = _table().get(tool, _table()[ANY]).get("base-url", {})
    options = [word for group in own.get("arguments", ()) for word in group]
    if "files" in own or any("{router}" in word for word in options):
        return {}
    values = {"{router}": router, "{key}": key}
    return _variables(own, values)


def setup_lines(tool: str, router: str, key: str) -> list[str]:
    """Return lines for a shell that lead a tool to the router, with its key."""
    if not (found := tool_environment(tool, router, key)):
        quoted = shlex.quote(key)
        return [f"SWITCHYARD_KEY={quoted} {_RUN} --router {router} {tool}"]
    return _exports(found)


def tool_cards(router: str, key: str, model: str) -> list[ToolCard]:
    """Return a card for each tool, with the router's address, a key and a model filled in."""
    values = {"{router}": router, "{key}": key, "{model}": model}
    start = f"{_RUN} --router {shlex.quote(router)} --model {shlex.quote(model)}"
    cards: list[ToolCard] = []
    for name, entry in _table().items():
        if name == ANY:
            continue
        own = entry.get("base-url", {})
        note = _filled(own.get("note", ""), values)
        cards.append(
            ToolCard(
                name=name,
                title=entry["title"],
                install=entry.get("install", ""),
                run=f"{start} {name}",
                lines=[] if _needs_more(own) else _exports(_variables(own, values)),
                note=note.strip(),
            )
        )
    return cards


def _needs_more(own: dict[str, Any]) -> bool:
    """Whether a tool needs more than variables."""
    words = [word for group in own.get("arguments", ()) for word in group]
    more = "files" in own or "json-environment" in own
    return more or any("{router}" in word or "{model}" in word for word in words)


def _variables(own: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """The variables of which all places can be filled in."""
    return {
        name: _filled(text, values)
        for name, text in own.get("environment", {}).items()
        if set(_PLACE.findall(text)) <= values.keys()
    }


def _exports(variables: dict[str, str]) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _filled(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda match: values.get(match[0], match[0]), text)
