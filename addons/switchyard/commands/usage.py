"""The command `usage`: reports of what was used, with the fees of the configuration's plans."""

import os
import sys
from collections.abc import Sequence

from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.programs import program_of
from switchyard.usage.command import main as report_usage
from switchyard.usage.command import make_parser as make_parser
from switchyard.usage.plans import PaidPlan


def main(arguments: Sequence[str]) -> int:
    """Print the report that the arguments ask for; return the exit status."""
    return report_usage(arguments, plans_of=plans_of_file)


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
        message = f"has errors; {program_of('start')} --check names them"
        print(f"usage: no fees are shown: {path} {message}", file=sys.stderr)
        return ()
