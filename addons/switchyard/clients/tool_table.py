"""What a tool has to be told to go through the router: the shipped `tools.yaml`, filled in.

The one reader of that table, which is read once. No I/O else.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import Any
from typing import Literal

from ruamel.yaml import YAML

from switchyard.files import SHIPPED

TABLE = SHIPPED / "tools.yaml"

ANY = "any"
"""The entry of commands that have none of their own."""

type ToolWay = Literal["proxy", "base-url"]

_PLACEHOLDER = re.compile(
    r"\{(router|address|proxy|key|model|ca|bundle|no-proxy|files|headers|usage)\}"
)


class NeedsModel(Exception):
    """The tool can be told of the router only together with a model."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of ours for a tool."""

    text: str
    over: str = ""
    """A file of the user's (JSON) whose members hold where ours say nothing."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What to set for one tool."""

    environment: Mapping[str, str]
    unset: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    """What comes first on the tool's command line."""
    files: Mapping[str, File] = field(default_factory=dict)
    """By their names in the directory `{files}`."""
    note: str = ""
    """What to write where, for those who want it so always."""


@dataclass(frozen=True, slots=True)
class KnownTool:
    """A tool's entry in the table."""

    name: str
    title: str
    install: str
    ways: Mapping[ToolWay, Mapping[str, Any]]

    def set_up(self, way: ToolWay, values: Mapping[str, str]) -> Setup:
        """What to set, `values` being those of the placeholders.

        Raises NeedsModel if the tool cannot go this way without a model and `values` has none.
        """
        own = self.ways[way]
        if own.get("needs-model") and "model" not in values:
            raise NeedsModel(self.title)
        environment = _filled(own.get("environment", {}), values)
        for name, content in own.get("json-environment", {}).items():
            environment[name] = json.dumps(_filled(content, values))
        groups = _filled(own.get("arguments", []), values)
        return Setup(
            environment=environment,
            unset=tuple(own.get("unset", ())),
            arguments=tuple(word for group in groups for word in group),
            files={name: _file(entry, values) for name, entry in own.get("files", {}).items()},
            note=_fill(own.get("note", ""), {"model": "MODEL", **values}) or "",
        )

    def variables(self, values: Mapping[str, str]) -> dict[str, str]:
        """The variables that alone lead the tool to the router by its base URL.

        Empty where it needs files or options as well; `scripts/run-with` sets those.
        """
        own = self.ways["base-url"]
        words = [word for group in own.get("arguments", ()) for word in group]
        needs_options = any(values.keys() & set(_PLACEHOLDER.findall(word)) for word in words)
        if needs_options or "files" in own or "json-environment" in own:
            return {}
        return _filled(own["environment"], values)

    def note(self, values: Mapping[str, str]) -> str:
        """What to write where, for those who want it so always; empty where nothing has to be."""
        return _fill(self.ways["base-url"].get("note", ""), values) or ""


@cache
def read_table(path: Path = TABLE) -> Mapping[str, KnownTool]:
    """The tools, by the names of their commands."""
    data = YAML(typ="safe").load(path)
    shared: dict[ToolWay, Any] = {"proxy": data["proxy"], "base-url": data["base-url"]}
    return {
        name: KnownTool(
            name=name,
            title=entry["title"],
            install=entry.get("install", ""),
            ways={way: _joined(common, entry.get(way, {})) for way, common in shared.items()},
        )
        for name, entry in data["tools"].items()
    }


def _joined(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    environment = {**common["environment"], **own.get("environment", {})}
    unset = dict.fromkeys((*common.get("unset", ()), *own.get("unset", ())))
    return {
        **own,
        "environment": environment,
        "unset": [name for name in unset if name not in environment],
    }


def _file(entry: Mapping[str, Any], values: Mapping[str, str]) -> File:
    if "json" in entry:
        text = json.dumps(_filled(entry["json"], values), indent=2) + "\n"
    else:
        text = _fill(entry["text"], values) or ""
    return File(text, entry.get("over", ""))


def laid_over(ours: str, theirs: str) -> str:
    """JSON with the members of both, where ours hold; ours alone if theirs cannot be read."""
    try:
        below = json.loads(theirs)
    except ValueError:
        return ours
    return json.dumps(_joined_members(below, json.loads(ours)), indent=2) + "\n"


def _joined_members(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    both = {name: _joined_members(below.get(name), value) for name, value in above.items()}
    return {**below, **both}


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """`value` with every text in it filled in, and without members that name a value not there."""
    if isinstance(value, str):
        return _fill(value, values)
    if isinstance(value, list):
        items = [_filled(item, values) for item in value]
        # A group of arguments stands or falls as a whole.
        plain = all(isinstance(item, str) for item in value)
        if plain and None in items:
            return None
        return [item for item in items if item is not None]
    if isinstance(value, dict):
        pairs = ((_fill(key, values), _filled(item, values)) for key, item in value.items())
        return {key: item for key, item in pairs if key is not None and item is not None}
    return value


def _fill(text: str, values: Mapping[str, str]) -> str | None:
    names = set(_PLACEHOLDER.findall(text))
    if not names <= values.keys():
        return None
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
