"""The last good model list of every provider, kept in a file for when a provider is down."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from addons.wire.listing import FoundModel

type Lists = dict[str, tuple[FoundModel, ...]]
"""By whatever tells one provider's list from another's."""

_VERSION = 1


def state_file(environment: Mapping[str, str]) -> Path:
    """Where lists are kept: below `XDG_STATE_HOME` (XDG Base Directory Specification), which is
    `~/.local/state` by default."""
    base = environment.get("XDG_STATE_HOME", "")
    state = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return state / "switchyard" / "models.json"


def load_lists(file: Path) -> Lists:
    """What was kept; nothing where there is no file, or one that nobody can make sense of."""
    try:
        kept = json.loads(file.read_bytes())
        if kept["version"] != _VERSION:
            return {}
        return {
            str(key): tuple(FoundModel(str(name), window) for name, window in models)
            for key, models in kept["lists"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def save_lists(file: Path, lists: Lists) -> None:
    """Keeps the lists; a crash leaves the old file or the new one. Raises OSError."""
    kept = {
        "version": _VERSION,
        "lists": {
            key: [[model.name, model.context_window] for model in models]
            for key, models in lists.items()
        },
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as writing:
            json.dump(kept, writing)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
