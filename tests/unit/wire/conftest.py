"""Prints, after laws and judge were run on recorded traffic, how many records pass each."""

import sys
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    titles = {
        "test_laws": "recorded traffic: records that keep each law, of those tried",
        "test_judge": "recorded traffic, judged by independent readers: cells that mean the same",
    }
    for module, title in titles.items():
        if matrix := getattr(sys.modules.get(f"tests.unit.wire.{module}"), "MATRIX", None):
            _print(terminalreporter, title, matrix)


def _print(terminalreporter: Any, title: str, matrix: Any) -> None:
    pairs = list(dict.fromkeys(pair for pair, _ in matrix))
    laws = list(dict.fromkeys(law for _, law in matrix))
    width = max(map(len, pairs))
    terminalreporter.section(title)
    for law in laws:
        terminalreporter.write_line(law)
        for pair in pairs:
            if (pair, law) in matrix:
                kept, tried = matrix[pair, law]
                mark = "" if kept == tried else f"   {tried - kept} left"
                terminalreporter.write_line(f"  {pair:<{width}} {kept:>5} / {tried}{mark}")
