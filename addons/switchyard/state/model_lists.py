"""Stores the last good model list of every provider, for when a provider is down."""

import json
import os
import tempfile
from pathlib import Path

from switchyard.values.files import read_regular
from switchyard.values.folders import state_folder
from switchyard.wire.model.model_list import FoundModel

type Lists = dict[str, tuple[FoundModel, ...]]
"""By a key that distinguishes the providers' lists."""

_VERSION = 1
_MOST_BYTES = 32 * 1024 * 1024
"""Far more than what a hundred providers with all models that are taken over come to."""


def state_file() -> Path:
    """Return the file of the lists, below `XDG_STATE_HOME`.

    XDG Base Directory Specification; the default is `~/.local/state`.
    """
    return state_folder() / "models.json"


def load_lists(file: Path) -> Lists:
    """Return the stored lists; nothing where the file is missing or unreadable."""
    try:
        kept = json.loads(read_regular(file, _MOST_BYTES))
        if kept["version"] != _VERSION:
            return {}
        return {
            str(key): tuple(_model(name, window) for name, window in models)
            for key, models in kept["lists"].items()
        }
    except Exception:  # it may hold anything, nested to any depth
        return {}


def _model(name: object, window: object) -> FoundModel:
    if not isinstance(name, str) or not (window is None or type(window) is int):
        raise TypeError("no model")
    return FoundModel(name, window)


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
