"""Starts the router from a checkout: `scripts/start` and the container run this."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "addons"))
    from switchyard.cli import main

    main()
