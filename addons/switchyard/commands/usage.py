"""The command `usage`: reports of the records that a configuration keeps, with plans' fees."""

import os
import sys
from collections.abc import Sequence

from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.programs import program_of
from switchyard.usage.command import NO_SETTINGS
from switchyard.usage.command import ReportSettings
from switchyard.usage.command import main as report_usage
from switchyard.usage.command import make_parser as make_parser


def main(arguments: Sequence[str]) -> int:
    """Print the report that the arguments ask for; return the exit status."""
    return report_usage(arguments, settings_of=settings_of_file)


def settings_of_file(named: str | None) -> ReportSettings:
    """Return what a configuration says of reports; nothing, and a word, where it has errors."""
    path = choose_config(named, os.environ)
    try:
        written = path.read_bytes()
    except OSError as e:
        print(f"usage: without settings: {path} cannot be read: {e.strerror}", file=sys.stderr)
        return NO_SETTINGS
    if b"subscriptions" not in written and b"usage" not in written:
        return NO_SETTINGS  # the usual case, which needs none of the libraries that read it
    from switchyard.config.load import load_config
    from switchyard.config.problems import ConfigError
    from switchyard.config.variables import variables_beside
    from switchyard.runtime.usage_rules import place_of
    from switchyard.runtime.usage_rules import plans_of

    try:
        environ = dict(os.environ)
        config = load_config(path, variables_beside(dotenv_of(path, environ), environ))
        return ReportSettings(plans_of(config), place_of(config))
    except ConfigError:
        message = f"has errors; {program_of('start')} --check names them"
        print(f"usage: without settings: {path} {message}", file=sys.stderr)
        return NO_SETTINGS
