"""Writes a draft as a commented YAML file and a file of variables."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from switchyard.importers.draft import Draft
from switchyard.importers.members import ReportLine
from switchyard.importers.members import collapsed
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import DraftVariable
from switchyard.importers.secret_names import SecretNames

_ORDER = ("clients", "providers", "combos", "aliases", "routes", "intercept")
_WIDTH = 4096
_LONGEST_COMMENT = 400


@dataclass(frozen=True, slots=True)
class Heading:
    """What the first lines of a new file say."""

    source: str
    """The router and the file that the configuration comes from."""
    date: str


def plain_data(draft: Draft, names: SecretNames, *, inline: bool) -> dict[str, object]:
    """Returns the draft as the file's data: secrets as `${NAME}`, or as they are if `inline`."""
    data: dict[str, object] = {}
    clients = draft.sections.get("clients")
    if draft.client_keys or clients:
        keys = {"api-keys": draft.client_keys} if draft.client_keys else {}
        data["clients"] = {**(clients if isinstance(clients, dict) else {}), **keys}
    data["providers"] = draft.providers
    data["combos"] = draft.combos
    data["aliases"] = draft.aliases
    data.update({name: value for name, value in draft.sections.items() if name != "clients"})
    filled = {name: value for name, value in data.items() if value or name == "providers"}
    ordered = sorted(filled, key=lambda name: (_ORDER + tuple(filled)).index(name))
    return {name: _plain(filled[name], names, inline) for name in ordered}


def _plain(value: object, names: SecretNames, inline: bool) -> object:
    match value:
        case DraftSecret() if inline:
            return _escaped(value.value)
        case DraftSecret() | DraftVariable():
            return f"${{{names.name(value)}}}"
        case str():
            return _escaped(value)
        case dict():
            return {_escaped(str(k)): _plain(v, names, inline) for k, v in value.items()}
        case list() | tuple():
            return [_plain(one, names, inline) for one in value]
    return value


def _escaped(text: str) -> str:
    """Returns a text that the loader reads as it was: `${` begins a variable there."""
    escaped = text.replace("${", "$${")
    return escaped if escaped.isprintable() else DoubleQuotedScalarString(escaped)


def render(
    data: Mapping[str, object],
    heading: Heading,
    left_out: list[ReportLine],
    notes: list[ReportLine],
    origins: Mapping[str, str],
) -> str:
    """Returns the text of the new file."""
    lines = [
        f"# Imported from {_comment(heading.source)} on {heading.date} by scripts/import.",
        "# docs/configuration.md explains every key; scripts/start FILE --check checks the file.",
    ]
    for title, group in (("Works otherwise", notes), ("Left out", left_out)):
        if group:
            lines += ["#", f"# {title}:", *(f"#   {_comment(one)}" for one in collapsed(group))]
    for name, value in data.items():
        lines += ["", *_section(name, value, origins)]
    return "\n".join(lines) + "\n"


def dump(data: object) -> str:
    """Returns data as YAML without comments, in its long form."""
    return "\n".join(_yaml(data)) + "\n"


def _section(name: str, value: object, origins: Mapping[str, str]) -> list[str]:
    if name != "providers" or not isinstance(value, list):
        return _yaml({name: _shortened(name, value)})
    lines = ["providers:"]
    for provider in value:
        origin = origins.get(str(provider.get("name")), "")
        if origin:
            lines.append(f"  # {_comment(origin)}")
        lines += _yaml([provider])
    return lines


def _shortened(name: str, value: object) -> object:
    """Returns combos without settings in their short form, and aliases of one name."""
    if not isinstance(value, dict):
        return value
    if name == "combos":
        return {
            combo: settings["members"] if set(settings) == {"members"} else settings
            for combo, settings in value.items()
        }
    if name == "aliases":
        return {alias: one[0] if len(one) == 1 else one for alias, one in value.items()}
    return value


def _yaml(value: object) -> list[str]:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = _WIDTH
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().splitlines()


def _comment(text: str) -> str:
    """Returns a text as it may stand in a comment: on one line, with printable characters only."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST_COMMENT else f"{shown[:_LONGEST_COMMENT]}..."


def render_variables(values: Mapping[str, str], file: str) -> str:
    """Returns the text of the `.env` for a configuration named `file`."""
    lines = [f"# Keys of {_comment(file)}. Keep this file to yourself (mode 0600)."]
    lines += [f"{name}={_quoted(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
