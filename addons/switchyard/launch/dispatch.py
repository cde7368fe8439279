"""The first word of the command line: which command it names, and what that one does.

Needs nothing but the standard library until a command runs, so that help texts and `ca` work before
anything is installed.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from switchyard.values.output_errors import is_of_output


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module whose `main(arguments)` returns its exit status, and what it does."""

    module: str
    summary: str


COMMANDS: Final = {
    "run-with": Command("switchyard.commands.run_with", "start a tool through the running router"),
    "keys": Command("switchyard.clients.key_command", "make, list, change and remove client keys"),
    "import": Command("switchyard.launch.importing", "take over another router's configuration"),
    "login": Command("switchyard.commands.login", "log in to accounts, and show how they are"),
    "config": Command("switchyard.commands.config", "check, show and change the configuration"),
    "sync": Command("switchyard.sync.command", "keep the configuration of devices in step"),
    "usage": Command("switchyard.commands.usage", "report tokens, cost, plans and windows"),
    "service": Command("switchyard.commands.service", "run the router as a service of your own"),
    "ca": Command("switchyard.commands.ca", "have this machine trust the router's certificates"),
    "intercept": Command("switchyard.commands.intercept", "lead chosen traffic to the router"),
    "completion": Command("switchyard.commands.completion", "print completion for bash, zsh, fish"),
    "restart": Command("switchyard.commands.restart", "have a new process take the router's place"),
    "path": Command("switchyard.commands.path", "print the script for mitmdump -s"),
}
"""The commands by name. `start` is none of them: it is what happens without a command."""

ALIASES: Final = {"run": ("run-with",), "generate-key": ("keys", "generate")}
"""Other words for a command, some with the first of its arguments."""


def command_of(arguments: Sequence[str]) -> list[str] | None:
    """Return the command that a command line names, and its arguments; None to start the router.

    A file of that name in the current folder is a configuration only when written as a path
    (`./usage`).
    """
    if not arguments:
        return None
    words = [*ALIASES.get(arguments[0], arguments[:1]), *arguments[1:]]
    return words if words[0] in COMMANDS else None


def run_command(name: str, *arguments: str) -> int:
    """Run a command of `COMMANDS` with its own arguments; return its exit status.

    Raises SystemExit as argparse does, for help texts and wrong options.
    """
    module = importlib.import_module(COMMANDS[name].module)
    try:
        status = module.main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # who reads it has seen enough, as `head` has
        return 0
    except OSError as e:
        if not is_of_output(e):
            raise
        _drop_output()
        print(f"{name}: the output cannot be written: {e.strerror}", file=sys.stderr)
        return 1
    return status


def _drop_output() -> None:
    """Have what is still buffered go nowhere, so that it does not fail again at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def listed() -> str:
    """Return the commands and what they do, a line each, for the help text."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {each.summary}" for name, each in COMMANDS.items())
