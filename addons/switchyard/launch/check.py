"""Checks a configuration file without starting anything."""

from collections.abc import Mapping
from pathlib import Path

from switchyard.config.load import load_config
from switchyard.config.problems import ConfigError
from switchyard.config.schema import Config
from switchyard.config.variables import variables_beside
from switchyard.files import choose_config
from switchyard.files import dotenv_of
from switchyard.values.counts import counted


def check(named: str | None, environ: Mapping[str, str]) -> tuple[int, str]:
    """Return the exit status and what to print: 0 and a summary, or 1 and every problem."""
    path = choose_config(named, environ)
    try:
        config = load_config(path, variables_beside(dotenv_of(path, environ), environ))
    except ConfigError as error:
        return 1, f"{error}\n{path} has {counted(len(error.problems), 'problem')}."
    return 0, "\n".join(_told(path, config))


def _told(path: Path, config: Config) -> list[str]:
    lines = [f"{notice}" for notice in config.notices]
    lines += [f"{one.provider.name} is left out: {one.reason}." for one in config.not_live]
    names = ", ".join(provider.name for provider in config.providers)
    providers = counted(len(config.providers), "provider")
    return [*lines, f"{path} is right: {providers} ({names})."]
