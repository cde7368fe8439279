"""Reports of what was used. `scripts/usage` runs this once the environment is ready."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE_ROOT = str(Path(__file__).resolve().parents[1] / "addons")
if PACKAGE_ROOT not in sys.path:
    sys.path.insert(0, PACKAGE_ROOT)

from switchyard.files import choose_config  # noqa: E402
from switchyard.files import dotenv_of  # noqa: E402
from switchyard.usage.command import main  # noqa: E402
from switchyard.usage.plans import PaidPlan  # noqa: E402


def plans_of_file(named: str | None) -> Sequence[PaidPlan]:
    """Return the subscriptions of a configuration; none, and a word, where it has errors."""
    path = choose_config(named, os.environ)
    try:
        if b"subscriptions" not in path.read_bytes():
            return ()  # the usual case, which needs none of the libraries that read it
    except OSError as e:
        print(f"usage: no fees are shown: {path} cannot be read: {e.strerror}", file=sys.stderr)
        return ()
    from switchyard.config.dotenv import with_dotenv
    from switchyard.config.load import load_config
    from switchyard.config.problems import ConfigError
    from switchyard.runtime.usage_rules import plans_of

    try:
        environ = dict(os.environ)
        return plans_of(load_config(path, with_dotenv(dotenv_of(path, environ), environ)))
    except ConfigError:
        message = "has errors; scripts/start --check names them"
        print(f"usage: no fees are shown: {path} {message}", file=sys.stderr)
        return ()


if __name__ == "__main__":
    sys.exit(main(plans_of=plans_of_file))
