"""Imports a configuration. `scripts/import` runs this once the environment is ready."""

import sys
from pathlib import Path

PACKAGE_ROOT = str(Path(__file__).resolve().parents[1] / "addons")
if PACKAGE_ROOT not in sys.path:
    sys.path.insert(0, PACKAGE_ROOT)

from switchyard.launch.importing import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
