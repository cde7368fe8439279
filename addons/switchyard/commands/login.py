"""The command `login`: logs in to the accounts of a configuration."""

import os
from collections.abc import Mapping
from collections.abc import Sequence

from switchyard.accounts.command import main as run_login
from switchyard.accounts.command import make_parser as make_parser
from switchyard.config.account_flows import AccountFlow
from switchyard.config.load import load_config
from switchyard.config.variables import variables_beside
from switchyard.files import choose_config
from switchyard.files import dotenv_of


def main(arguments: Sequence[str]) -> int:
    """Log in, or do what else the arguments ask for; return the exit status."""
    return run_login(flows_of_file, arguments)


def flows_of_file(named: str | None) -> Mapping[str, AccountFlow]:
    """Return the accounts of a configuration. Raises ConfigError."""
    environ = dict(os.environ)
    path = choose_config(named, environ)
    return load_config(path, variables_beside(dotenv_of(path, environ), environ)).accounts
