"""Locates the files that belong to the code.

In a checkout, an image or an installed package. Needs nothing but the standard library, so that
`--help` works before anything is installed.
"""

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
