"""Says what to set so that a tool calls the router with a key."""

import re
import shlex
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from switchyard.files import SHIPPED

ANY = "any"
"""The entry of tools that have none of their own."""

_PLACE = re.compile(r"\{[a-z-]+\}")


@cache
def _table() -> dict[str, Any]:
    return YAML(typ="safe").load(SHIPPED / "tools.yaml")["tools"]


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
    filled: dict[str, str] = {}
    for name, text in own.get("environment", {}).items():
        if set(_PLACE.findall(text)) <= values.keys():
            filled[name] = _PLACE.sub(lambda match: values[match[0]], text)
    return filled


def setup_lines(tool: str, router: str, key: str) -> list[str]:
    """Return lines for a shell that lead a tool to the router, with its key."""
    if not (found := tool_environment(tool, router, key)):
        quoted = shlex.quote(key)
        return [f"SWITCHYARD_KEY={quoted} scripts/run-with --base-url --router {router} {tool}"]
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
