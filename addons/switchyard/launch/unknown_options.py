"""Words mitmproxy's refusals of a command line, and names the option that was meant."""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import NoReturn

from switchyard.config.problems import nearest

_UNRECOGNIZED = "unrecognized arguments: "


def explained(
    make_parser: Callable[[Any], argparse.ArgumentParser], program: str, known: Iterable[str]
) -> Callable[[Any], argparse.ArgumentParser]:
    """Return a maker of mitmproxy's parser whose errors speak of `program`.

    `known`: the options that the program has besides mitmproxy's.
    """
    ours = tuple(known)

    def make(options: Any) -> argparse.ArgumentParser:
        parser = make_parser(options)
        names = {*ours, *(name for name in parser._option_string_actions if name[:2] == "--")}

        def error(message: str) -> NoReturn:
            said = describe(message, sorted(names))
            parser.exit(2, f"{program}: error: {said}. {program} --help lists the options.\n")

        parser.error = error
        return parser

    return make


def describe(message: str, names: Iterable[str]) -> str:
    """Return argparse's message, or the first unknown option with the nearest of the names."""
    if not message.startswith(_UNRECOGNIZED):
        return message
    word = message.removeprefix(_UNRECOGNIZED).split()[0].partition("=")[0]
    near = nearest(word, names)
    return f"unknown option {word} (did you mean {near[0]}?)" if near else f"unknown option {word}"
