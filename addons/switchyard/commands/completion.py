"""The command `completion`: what a shell needs to complete the command line of `switchyard`."""

import argparse
import importlib
from collections.abc import Sequence

import shtab

from switchyard.launch.dispatch import ALIASES
from switchyard.launch.dispatch import COMMANDS
from switchyard.launch.options import make_parser as make_start_parser

SHELLS = ("bash", "zsh", "tcsh", "fish")

EPILOG = """\
For bash:  switchyard completion bash > ~/.local/share/bash-completion/completions/switchyard
For zsh:   switchyard completion zsh > "${fpath[1]}/_switchyard"
For fish:  switchyard completion fish > ~/.config/fish/completions/switchyard.fish
"""


def main(arguments: Sequence[str]) -> int:
    """Print the completion for the shell that is named; return the exit status."""
    shell = make_parser().parse_args(arguments).shell
    print(shtab.complete(parser_of_all(), shell))
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="switchyard completion",
        description="Prints what a shell needs to complete commands and options.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    return parser


def parser_of_all() -> argparse.ArgumentParser:
    """Return one parser with all commands, each with the options that its own module reads."""
    everything = argparse.ArgumentParser(prog="switchyard")
    commands = everything.add_subparsers()
    start = make_start_parser({})
    _add(commands, "start", "start the router", start)
    for name, command in COMMANDS.items():
        maker = getattr(importlib.import_module(command.module), "make_parser", None)
        parser = maker() if maker else argparse.ArgumentParser()
        for known in (name, *(alias for alias, meant in ALIASES.items() if meant == (name,))):
            _add(commands, known, command.summary, parser)
    return everything


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    parser: argparse.ArgumentParser,
) -> None:
    commands.add_parser(name, help=summary, parents=[parser], add_help=False)
