"""Reads shipped providers, so that a file need not repeat what is known of them.

A preset is a YAML file in `config/shipped/presets/` with the keys of one provider. A provider with
`preset: NAME` takes from it every key that it does not set itself. A preset's `profile` also gets
its name: `profile: NAME` in any provider is the profile of that preset.
"""

from collections.abc import Mapping
from functools import cache

from switchyard.config.problems import KeyPath
from switchyard.config.problems import did_you_mean
from switchyard.config.yaml_source import Document
from switchyard.config.yaml_source import Mark
from switchyard.config.yaml_source import read_document
from switchyard.files import SHIPPED

PRESETS = SHIPPED / "presets"

_MERGED = ("headers", "timeouts", "base-urls")
_KEYS = ("api-key", "api-key-entries", "credentials")


@cache
def preset_names() -> tuple[str, ...]:
    """The names of all shipped presets, sorted."""
    return tuple(sorted(path.stem for path in PRESETS.glob("*.yaml")))


@cache
def _preset_text(name: str) -> str:
    return (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")


def read_preset(name: str, env: Mapping[str, str]) -> Document:
    """One preset with its variables filled in. `name` must be one of `preset_names()`."""
    return read_document(_preset_text(name), f"preset {name}", env)


def apply_presets(document: Document, env: Mapping[str, str]) -> None:
    """Complete every provider that names a preset, and resolve names of profiles."""
    data = document.data
    providers = data.get("providers") if isinstance(data, dict) else None
    for index, provider in enumerate(providers if isinstance(providers, list) else ()):
        if not isinstance(provider, dict):
            continue
        path: KeyPath = ("providers", index)
        if "preset" in provider:
            _apply(document, path, provider, env)
        _resolve_profile(document, path, provider, env)
        models = provider.get("models")
        for place, model in enumerate(models if isinstance(models, list) else ()):
            if isinstance(model, dict):
                _resolve_profile(document, (*path, "models", place), model, env)


def _apply(
    document: Document, path: KeyPath, provider: dict[str, object], env: Mapping[str, str]
) -> None:
    here = (*path, "preset")
    name = provider.pop("preset")
    if name not in preset_names():
        shown = document.show(here, name) if isinstance(name, str) else "without a name"
        document.problem(here, f"unknown preset {shown}", did_you_mean(str(name), preset_names()))
        # Its base-url would be reported as missing for no other reason.
        provider.setdefault("name", str(name))
        provider.setdefault("base-url", "http://unknown.invalid")
        return
    preset = read_preset(str(name), env)
    document.problems += preset.problems
    given = preset.data if isinstance(preset.data, dict) else {}
    for key, value in _wanted(provider, {"name": name, **given}).items():
        own = provider.get(key)
        kept: set[object] = set()
        if key not in provider:
            provider[key] = value
        elif key in _MERGED and isinstance(own, dict) and isinstance(value, dict):
            kept = set(own)
            provider[key] = {**value, **own}
        else:
            continue
        document.marks.setdefault((*path, key), Mark(document.marks[here].line, shipped=True))
        for place, names in preset.unset.items():
            if place[0] == key and place[-1] not in kept:
                document.unset[(*path, *place)] = names


def _wanted(provider: dict[str, object], preset: dict[str, object]) -> dict[str, object]:
    """Return the keys of a preset that a provider takes, given its own keys."""
    wanted = dict(preset)
    if any(key in provider for key in _KEYS):
        for key in _KEYS:
            wanted.pop(key, None)
    if "base-url" in provider:
        # Another address speaks for itself: the preset's key and requests must not go on to the
        # addresses that the preset knows for its further formats.
        elsewhere = wanted.pop("base-urls", {})
        formats = wanted.get("format")
        if isinstance(formats, list) and isinstance(elsewhere, dict):
            own = provider.get("base-urls")
            kept = own if isinstance(own, dict) else {}
            wanted["format"] = [one for one in formats if one not in elsewhere or one in kept]
    return wanted


def _resolve_profile(
    document: Document, path: KeyPath, holder: dict[str, object], env: Mapping[str, str]
) -> None:
    name = holder.get("profile")
    if not isinstance(name, str):
        return
    del holder["profile"]
    if name not in preset_names():
        hint = did_you_mean(name, preset_names())
        here = (*path, "profile")
        document.problem(here, f"unknown profile {document.show(here, name)}", hint)
        return
    preset = read_preset(name, env).data
    if isinstance(preset, dict) and "profile" in preset:
        holder["profile"] = preset["profile"]
