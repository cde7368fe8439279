"""Loads a configuration file: `load_config(path, env) -> Config`, or `ConfigError` with all that
is wrong in it.

A file is read in steps, each of which adds its problems to one list: YAML and `${NAME}`
(`yaml_source`), presets (`presets`), types and values (`schema`), names (`references`).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import get_args
from typing import get_origin

from pydantic import BaseModel
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from addons.policy.combinations import check_combinations
from addons.policy.presets import apply_presets
from addons.policy.problems import ConfigError
from addons.policy.problems import KeyPath
from addons.policy.problems import Problem
from addons.policy.problems import did_you_mean
from addons.policy.problems import dotted
from addons.policy.references import check_references
from addons.policy.reserved import reserved_in_use
from addons.policy.schema import ApiKeyEntry
from addons.policy.schema import Config
from addons.policy.schema import NotLive
from addons.policy.schema import Provider
from addons.policy.yaml_source import Document
from addons.policy.yaml_source import read_document
from addons.policy.yaml_source import unset_hint
from addons.policy.yaml_source import unset_message

__all__ = ["Config", "ConfigError", "load_config", "parse_config"]

_LONGEST_QUOTE = 60

_WRONG_TYPE = {
    "string_type": ("must be text", "put quotes around it"),
    "int_type": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_from_float": ("must be a whole number", ""),
    "float_type": ("must be a number", ""),
    "float_parsing": ("must be a number", ""),
    "bool_type": ("must be true or false", ""),
    "bool_parsing": ("must be true or false", ""),
    "tuple_type": ("must be a list", "write each item on a line of its own, after a dash"),
    "dict_type": ("must be a mapping of keys to values", "write each as key: value"),
    "mapping_type": ("must be a mapping of keys to values", "write each as key: value"),
    "model_type": ("must be a mapping of keys to values", "write each as key: value"),
    "model_attributes_type": ("must be a mapping of keys to values", "write each as key: value"),
    "missing": ("is required", ""),
    "too_short": ("needs at least one entry", ""),
}


def load_config(path: Path, env: Mapping[str, str]) -> Config:
    """The configuration in a file, with `${NAME}` filled in from `env`.

    Raises `ConfigError` if the file cannot be read or anything in it is wrong.
    """
    return parse_config(read_file(path), path, env)


def read_file(path: Path) -> bytes:
    """What a file holds. Raises `ConfigError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        said = f"cannot be read: {error.strerror or type(error).__name__}"
        raise ConfigError([Problem(str(path), None, "", said, "name an existing file")]) from None


def parse_config(content: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """The configuration that `content` is; `path` names it in problems and places relative paths.

    Raises `ConfigError` with every problem found.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        said = "is not UTF-8 text"
        raise ConfigError([Problem(str(path), None, "", said, "save it as UTF-8")]) from None
    document = read_document(text, str(path), env)
    if document.data is None and not document.problems:
        document.problem((), "is empty", "name at least one provider")
    if document.data is not None and not isinstance(document.data, dict):
        document.problem((), "must be a mapping of keys to values", "begin with providers:")
    if not isinstance(document.data, dict):
        raise ConfigError(document.problems)
    _drop_empty_sections(document.data)
    apply_presets(document, env)
    absent = _absent_providers(document)
    _report_unset(document, env, absent)
    _leave_out_unset(document, absent)
    config = _validated(document)
    check_combinations(document)
    check_references(document)
    if config is None or document.problems:
        raise ConfigError(document.problems)
    return _completed(config, document, absent, path)


def _drop_empty_sections(data: dict[str, object]) -> None:
    """A section whose every line is commented out is the same as no section."""
    for key in [key for key, value in data.items() if value is None and key != "providers"]:
        del data[key]


def _absent_providers(document: Document) -> dict[int, str]:
    """Optional providers that lack a variable, by position, with the reason.

    One without any of its keys is left out; one that lacks only some keys does without these. Any
    other variable that is not set leaves it out as well.
    """
    absent: dict[int, str] = {}
    for index, provider in enumerate(_providers(document)):
        if not _is_optional(provider):
            continue
        unset = {path: names for path, names in document.unset.items() if path[1:2] == (index,)}
        lost = [names for path, names in unset.items() if not _is_key(path)]
        if not lost and len(unset) >= _count_keys(provider):
            lost = list(unset.values())
        if lost:
            names = dict.fromkeys(name for group in lost for name in group)
            absent[index] = unset_message(tuple(names))
    return absent


def _providers(document: Document) -> list[dict[str, object]]:
    """The providers of a file; whatever is none of its form is an empty one."""
    providers = document.data.get("providers") if isinstance(document.data, dict) else None
    items = providers if isinstance(providers, list) else []
    return [item if isinstance(item, dict) else {} for item in items]


def _is_optional(provider: dict[str, object]) -> bool:
    return str(provider.get("optional", "")).lower() == "true"


def _is_key(path: KeyPath) -> bool:
    """Whether a path is that of a provider's key, in any form it may be written in."""
    match path:
        case ("providers", _, "api-key"):
            return True
        case ("providers", _, "api-key-entries", _):
            return True
        case ("providers", _, "api-key-entries", _, "api-key"):
            return True
    return False


def _count_keys(provider: dict[str, object]) -> int:
    entries = provider.get("api-key-entries")
    return ("api-key" in provider) + (len(entries) if isinstance(entries, list) else 0)


def _report_unset(document: Document, env: Mapping[str, str], absent: Mapping[int, str]) -> None:
    providers = _providers(document)
    for path, names in document.unset.items():
        if path[0] == "providers" and len(path) > 1 and isinstance(path[1], int):
            spared = _is_optional(providers[path[1]]) and _is_key(path)
            if spared or path[1] in absent:
                continue
        document.problem(path, unset_message(names), unset_hint(names, env))


def _leave_out_unset(document: Document, absent: Mapping[int, str]) -> None:
    """Takes what has no value out of providers that are not live, so that the rest is checked."""
    providers = _providers(document)
    for path in document.unset:
        if path[0] != "providers" or path[1] not in absent or _is_key(path):
            continue
        holder: object = providers[int(path[1])]
        for step in path[2:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict):
            holder.pop(path[-1], None)


def _validated(document: Document) -> Config | None:
    try:
        return Config.model_validate(document.data)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    for detail in details:
        path: KeyPath = tuple(step for step in detail["loc"] if step != "[key]")
        if _is_consequence(detail, document, path):
            continue
        message, hint = _explain(detail, document, path)
        within: KeyPath = detail.get("ctx", {}).get("at", ())
        document.problem((*path, *within), message, hint)
    return None


def _is_consequence(detail: ErrorDetails, document: Document, path: KeyPath) -> bool:
    """Whether a detail only repeats another problem.

    A value with an unset variable is told as that; a list whose every item is wrong is reported
    as empty too.
    """
    parts = {path[:length] for length in range(1, len(path) + 1)}
    if parts & document.unset.keys() or parts & document.unusable:
        return True
    return detail["type"] == "too_short" and (*path, 0) in document.marks


def _explain(detail: ErrorDetails, document: Document, path: KeyPath) -> tuple[str, str]:
    """What is wrong and what would be right. Values are quoted where they can be no secret."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "unit":
            return f"{_quoted(document, path)}{context['said']}", str(context["hint"])
        case "plain":
            return str(context["said"]), str(context["hint"])
        case "literal_error":
            return _explain_choice(str(context["expected"]), document, path)
        case "extra_forbidden":
            return "unknown key", did_you_mean(str(path[-1]), _known_keys(path[:-1]))
        case "greater_than_equal":
            return f"must be at least {context['ge']:g}", ""
        case "less_than_equal":
            return f"must be at most {context['le']:g}", ""
        case kind:
            return _WRONG_TYPE.get(kind, ("is not of the right form", ""))


def _explain_choice(expected: str, document: Document, path: KeyPath) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", expected)
    mark = document.marks.get(path) or document.marks.get(path[:-1])
    hint = did_you_mean((mark and mark.text) or "", choices)
    return f"{_quoted(document, path)}is none of {', '.join(choices)}", hint


def _quoted(document: Document, path: KeyPath) -> str:
    """The value as the file writes it, with its variables not filled in."""
    mark = document.marks.get(path) or document.marks.get(path[:-1])
    if mark is None or not mark.text or len(mark.text) > _LONGEST_QUOTE:
        return ""
    return f"{mark.text!r} "


def _known_keys(path: KeyPath) -> list[str]:
    """The keys that the mapping at a path of the file may have."""
    part: type[BaseModel] | None = Config
    steps = iter(path)
    for step in steps:
        fields = part.model_fields.values() if part else ()
        annotation = next((field.annotation for field in fields if field.alias == step), None)
        part, within = _part_in(annotation)
        # Positions in lists, and names that the user chose, lead to no other part.
        for _ in range(within):
            next(steps, None)
    keys = [field.alias or name for name, field in part.model_fields.items()] if part else []
    return ["preset", *keys] if part is Provider else keys


def _part_in(annotation: object) -> tuple[type[BaseModel] | None, int]:
    """The part within `tuple[Part, ...] | None`, `Mapping[str, Part]` and the like, and how many
    steps of a path lead to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, 0
    within = int(get_origin(annotation) in (tuple, Mapping))
    for argument in get_args(annotation):
        part, deeper = _part_in(argument)
        if part:
            return part, within + deeper
    return None, 0


def _completed(config: Config, document: Document, absent: Mapping[int, str], path: Path) -> Config:
    """The configuration with its defaults worked in: nothing has to be looked up twice."""
    live: list[Provider] = []
    left_out: list[NotLive] = []
    for index, provider in enumerate(config.providers):
        whole = _complete_provider(provider, index, config, document, path)
        if reason := absent.get(index):
            left_out.append(NotLive(whole, reason))
        else:
            live.append(whole)
    if not live:
        reasons = "; ".join(f"{one.provider.name}: {one.reason}" for one in left_out)
        document.problem(("providers",), f"no provider is live ({reasons})", "set a variable")
        raise ConfigError(document.problems)
    keys = tuple(entry for entry in config.clients.api_keys if entry.key)
    return config.loaded(
        providers=tuple(live),
        clients=config.clients.model_copy(update={"api_keys": keys}),
        not_live=tuple(left_out),
        notices=_notices(document),
    )


def _complete_provider(
    provider: Provider, index: int, config: Config, document: Document, path: Path
) -> Provider:
    place: KeyPath = ("providers", index)
    entries = [
        entry
        for position, entry in enumerate(provider.api_key_entries)
        if not _unset_key(document, (*place, "api-key-entries", position))
    ]
    if provider.api_key is not None and (*place, "api-key") not in document.unset:
        entries.insert(0, ApiKeyEntry.model_validate({"api-key": provider.api_key}))
    tls = provider.tls.model_copy(
        update={
            name: str(path.parent / value)
            for name, value in (("ca", provider.tls.ca), ("client_cert", provider.tls.client_cert))
            if value
        }
    )
    return provider.model_copy(
        update={
            "api_key": None,
            "api_key_entries": tuple(entry for entry in entries if entry.api_key),
            "timeouts": config.timeouts.overridden(provider.timeouts),
            "tls": tls,
        }
    )


def _unset_key(document: Document, path: KeyPath) -> bool:
    return path in document.unset or (*path, "api-key") in document.unset


def _notices(document: Document) -> tuple[Problem, ...]:
    marks = document.marks.items()
    texts = ((path, mark.text) for path, mark in marks if path and not mark.shipped)
    return tuple(
        Problem(
            document.file,
            document.marks[path].line,
            dotted(path),
            f"accepted, but not yet acted upon ({meaning})",
        )
        for path, meaning in reserved_in_use(texts).items()
    )
