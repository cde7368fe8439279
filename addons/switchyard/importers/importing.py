"""Makes a new configuration of another router's: text, variables, and what was left out."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchyard.config.schema import Config
from switchyard.importers.draft import Draft
from switchyard.importers.members import ImportReport
from switchyard.importers.members import SourceMembers
from switchyard.importers.pruning import pruned
from switchyard.importers.rendering import Heading
from switchyard.importers.rendering import plain_data
from switchyard.importers.rendering import render
from switchyard.importers.secret_names import DraftVariable
from switchyard.importers.secret_names import SecretNames

_STAND_IN = "stands-in-for-a-variable"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a new file is made."""

    environ: Mapping[str, str]
    path: Path
    """Where the new file will be: relative paths in it count from there."""
    inline_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """A new configuration that loads."""

    text: str
    variables: Mapping[str, str]
    """For the `.env` beside the file; empty with secrets inline."""
    missing: tuple[str, ...]
    """Variables that the file names and the environment lacks."""
    report: ImportReport
    config: Config
    """What the text loads to, with stand-ins for missing variables."""
    main_models: tuple[str, ...]


def import_members(
    data: Mapping[str, object],
    draft_of: Callable[[SourceMembers], Draft],
    heading: Heading,
    options: ImportOptions,
    *more: tuple[Callable[[Draft, SourceMembers], None], Mapping[str, object]],
) -> Imported:
    """Returns what a source's data becomes; `more` adds further data of it to the draft.

    Raises NothingImported.
    """
    report = ImportReport()
    root = SourceMembers({str(name): value for name, value in data.items()}, report)
    draft = draft_of(root)
    for add, given in more:
        further = SourceMembers({str(name): value for name, value in given.items()}, report)
        add(draft, further)
        further.finish()
    root.finish()
    return _finished(draft, heading, options)


def _finished(draft: Draft, heading: Heading, options: ImportOptions) -> Imported:
    names = SecretNames(options.environ)
    data = plain_data(draft, names, inline=options.inline_secrets)
    missing = tuple(name for name in names.expected if not options.environ.get(name))
    env = {**dict.fromkeys(missing, _STAND_IN), **options.environ, **names.values}
    config = pruned(data, options.path, env, draft.report)
    _make_optional(draft, data, set(missing))
    text = render(data, heading, draft.report.left_out, draft.report.notes, draft.origins)
    used = {name: value for name, value in names.values.items() if f"${{{name}}}" in text}
    return Imported(
        text=text,
        variables=used,
        missing=tuple(name for name in missing if f"${{{name}}}" in text),
        report=draft.report,
        config=config,
        main_models=tuple(draft.main_models),
    )


def _make_optional(draft: Draft, data: Mapping[str, object], missing: set[str]) -> None:
    """Marks providers as optional that need a missing variable, unless none would be left."""
    providers = data["providers"]
    assert isinstance(providers, list)
    waiting = [one for one in providers if missing & set(_variables(draft, str(one["name"])))]
    if len(waiting) < len(providers):
        for one in waiting:
            one["optional"] = True


def _variables(draft: Draft, provider: str) -> list[str]:
    """Returns the variables of the source that a provider's settings name."""
    found: list[str] = []
    waiting: list[object] = [one for one in draft.providers if one["name"] == provider]
    while waiting:
        match waiting.pop():
            case DraftVariable(name=name):
                found.append(name)
            case dict() as members:
                waiting.extend(members.values())
            case list() as items:
                waiting.extend(items)
    return found
