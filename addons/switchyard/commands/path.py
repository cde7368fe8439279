"""The command `path`: where the script is that `mitmdump -s` takes."""

import argparse
from collections.abc import Sequence

from switchyard.files import ENTRY_POINT


def main(arguments: Sequence[str]) -> int:
    """Print the path of the script; return the exit status."""
    make_parser().parse_args(arguments)
    print(ENTRY_POINT)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return argparse.ArgumentParser(
        prog="switchyard path",
        description='Prints the script for mitmproxy: mitmdump -s "$(switchyard path)".',
    )
