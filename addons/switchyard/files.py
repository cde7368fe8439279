"""Locates the files that belong to the code.

In a checkout, an image or an installed package. Needs nothing but the standard library, so that
`--help` works before anything is installed.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent
_INSTALLED: Final = _PACKAGE / "shipped"
_CONFIG: Final = _PACKAGE.parents[1] / "config"

IS_INSTALLED: Final = not (_PACKAGE.parent / "router.py").is_file()
"""Whether this is an installed package rather than a checkout."""

SHIPPED: Final = _INSTALLED if _INSTALLED.is_dir() else _CONFIG / "shipped"
"""The tables and presets that come with the code, which users do not edit."""

DEFAULT_CONFIG: Final = (SHIPPED if IS_INSTALLED else _CONFIG) / "default.yaml"
"""The configuration that is used where none is named."""

ENTRY_POINT: Final = (
    _PACKAGE / "entry" / "router.py" if IS_INSTALLED else _PACKAGE.parent / "router.py"
)
"""The script that mitmproxy is given."""


def user_config(environ: Mapping[str, str]) -> Path:
    """Return where a user's own configuration is looked for, whether it is there or not.

    `$XDG_CONFIG_HOME/switchyard/config.yaml`, by default below `~/.config`, on macOS too (XDG Base
    Directory Specification: a relative value is ignored).
    """
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".config"
    return base / "switchyard" / "config.yaml"


def choose_config(named: str | None, environ: Mapping[str, str]) -> Path:
    """Return the configuration: of an option, of the environment, the user's, or ours."""
    if chosen := named or environ.get("SWITCHYARD_CONFIG"):
        return Path(chosen).expanduser()
    own = user_config(environ)
    return own if own.exists() else DEFAULT_CONFIG


def counters_file(config: Path, environ: Mapping[str, str]) -> Path:
    """Return where a router with a configuration keeps the counters of limits.

    Below `$XDG_STATE_HOME/switchyard`, by default `~/.local/state/switchyard` (XDG Base Directory
    Specification).
    """
    name = hashlib.sha256(str(config.absolute()).encode("utf-8", "surrogateescape")).hexdigest()
    return _state_folder(environ) / f"limits-{name[:12]}.sqlite"


def running_file(port: int, environ: Mapping[str, str]) -> Path:
    """Return where the router that listens on a port notes its process, beside the counters."""
    return _state_folder(environ) / f"running-{port}.json"


def _state_folder(environ: Mapping[str, str]) -> Path:
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".local" / "state"
    return base / "switchyard"


def dotenv_of(config: Path, environ: Mapping[str, str]) -> Path:
    """Return the `.env` of a configuration: the file beside it.

    That of the shipped default stands where the user's own configuration would be: no user edits
    the folder of the default.
    """
    beside = user_config(environ) if config == DEFAULT_CONFIG else config
    return beside.parent / ".env"
