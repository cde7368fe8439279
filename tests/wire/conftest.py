"""Prints, after the laws were run on recorded traffic, how many records keep each."""

import sys
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    matrix = getattr(sys.modules.get("tests.wire.test_laws"), "MATRIX", None)
    if not matrix:
        return
    pairs = list(dict.fromkeys(pair for pair, _ in matrix))
    laws = list(dict.fromkeys(law for _, law in matrix))
    width = max(map(len, pairs))
    terminalreporter.section("recorded traffic: records that keep each law, of those tried")
    for law in laws:
        terminalreporter.write_line(law)
        for pair in pairs:
            if (pair, law) in matrix:
                kept, tried = matrix[pair, law]
                mark = "" if kept == tried else f"   {tried - kept} left"
                terminalreporter.write_line(f"  {pair:<{width}} {kept:>5} / {tried}{mark}")
