"""All tests. `python -m tests.integration...` finds the package without an installation, too."""

import sys
from pathlib import Path

ADDONS = str(Path(__file__).resolve().parents[1] / "addons")
if ADDONS not in sys.path:
    sys.path.insert(0, ADDONS)
