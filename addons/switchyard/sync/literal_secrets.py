"""Takes the secrets that stand in a configuration out of it, and puts `${NAME}` in their place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from switchyard.config.editing.masking import secrets_at
from switchyard.config.editing.masking import secrets_of_comments
from switchyard.config.editing.pieces import read_pieces
from switchyard.config.editing.pieces import read_plain
from switchyard.config.editing.pieces import scalars
from switchyard.config.editing.rendering import render_flow
from switchyard.config.presets import apply_presets
from switchyard.config.problems import KeyPath
from switchyard.config.problems import dotted
from switchyard.config.yaml_source import read_document
from switchyard.importers.secret_names import DraftSecret
from switchyard.importers.secret_names import SecretNames
from switchyard.sync.errors import SyncError

_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-(?P<default>[^{}]*))?\}", re.ASCII)
_REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_LONG = 12
"""Characters from which the default of a variable in the place of a key is taken for a key."""
_GENERAL = frozenset({"providers", "api-key-entries", "clients"})
"""Steps of a path that add nothing to a name."""


@dataclass(frozen=True, slots=True)
class NamedText:
    """A configuration without secrets."""

    text: str
    secrets: dict[str, str]
    """What was taken out, by its name."""
    places: dict[str, str]
    """The dotted path that each name stands at now; the first, if there are several."""


def named_secrets(text: str, taken: Mapping[str, str]) -> NamedText:
    """Return a text with names for its secrets; those `taken` by other values are avoided.

    Raises SyncError for secrets that cannot be taken out, and NotEditable for what is no YAML.
    """
    root, plain = read_pieces(text), read_plain(text)
    names = SecretNames(taken)
    parts: list[str] = []
    places: dict[str, str] = {}
    at = 0
    for path, piece in scalars(root) if root is not None else ():
        value = _value_at(plain, path)
        for secret in secrets_at(path, value):
            if "${" in secret:
                _check_default(secret, path)
                continue
            name = names.name(DraftSecret(secret, _purpose(plain, path)))
            places.setdefault(name, dotted(path))
            value = value.replace(secret, f"${{{name}}}")
        if value != _value_at(plain, path):
            lead = f"&{piece.anchor} " if piece.anchor else ""
            parts += [text[at : piece.start], lead + render_flow(value)]
            at = piece.end
    changed = "".join(parts) + text[at:]
    if secrets_of_comments(changed):
        raise SyncError("a comment of the configuration holds a key; remove it, it would be synced")
    return NamedText(changed, names.values, places)


def names_in(text: str) -> set[str]:
    """Return the names of all `${NAME}` in a text, those in comments too."""
    return {match["name"] for match in _REFERENCE.finditer(text)}


def names_needed(text: str) -> set[str]:
    """Return the names without which a configuration lacks a value, those of presets too."""
    document = read_document(text, "", {})
    apply_presets(document, {})
    return {name for names in document.unset.values() for name in names}


def _check_default(value: str, path: KeyPath) -> None:
    defaults = [match["default"] or "" for match in _VARIABLE.finditer(value)]
    if any(len(one) >= _LONG for one in defaults):
        raise SyncError(f"{dotted(path)}: the default in ${{NAME:-...}} is a key; remove it")


def _value_at(plain: Any, path: KeyPath) -> Any:
    for step in path:
        plain = plain[step]
    return plain


def _purpose(plain: Any, path: KeyPath) -> str:
    """Return words to name a secret after: the steps to it, items of lists by their names."""
    words: list[str] = []
    for step in path:
        plain = plain[step]
        if isinstance(step, str):
            words += [step] if step not in _GENERAL else []
        elif isinstance(plain, Mapping) and (name := plain.get("name") or plain.get("preset")):
            words.append(str(name))
    return " ".join(words)
