"""The tables and the plot of a run."""

import json
import os
import platform
import subprocess
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from scripts.benchmark.calls import Row
from scripts.benchmark.measures import Figures
from scripts.benchmark.measures import Scope
from scripts.benchmark.ours import BARE
from scripts.benchmark.ours import DIRECT
from scripts.benchmark.ours import NO_RECORDS
from scripts.benchmark.ours import RECORDS

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(slots=True)
class Report:
    """What a run came to."""

    scope: Scope
    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Figures] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Servers that could not be measured, and why."""

    def text(self) -> str:
        """All tables, as Markdown."""
        return "\n\n".join([self._conditions(), *self._tables()]) + "\n"

    def added(self, row: str, name: str) -> float | None:
        """A latency less that of the direct way."""
        direct = self.median(DIRECT, name)
        mine = self.median(row, name)
        return None if direct is None or mine is None else mine - direct

    def median(self, row: str, name: str) -> float | None:
        figures = self.figures.get(row)
        return figures.median(name) if figures else None

    def _conditions(self) -> str:
        cores = os.cpu_count()
        said = (
            f"Medians of {self.scope.rounds} interleaved round{'s' * (self.scope.rounds != 1)} on "
            f"one machine ({cores} cores, {platform.machine()}, Python "
            f"{platform.python_version()}), which the load generator and the upstreams share. "
            "Compare what stands in one column."
        )
        if self.missing:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.missing.items())
            said += f"\n\nNot measured: {reasons}."
        return said

    def _tables(self) -> Iterator[str]:
        connections = self.scope.connections
        yield "### One JSON answer (1.2 KB request)\n\n" + self._table(
            "Added latency in ms (less that of the direct way), requests a second, processor time "
            "a request, and how all this relates to bare mitmdump's.",
            [
                *((f"p50 c={c}", self._added(f"p50 c={c}", ".2f")) for c in connections),
                *((f"p99 c={c}", self._added(f"p99 c={c}", ".2f")) for c in connections),
                *((f"req/s c={c}", self._plain(f"requests/s c={c}", ",.0f")) for c in connections),
                ("CPU µs", self._plain(f"cpu c={connections[-1]}", ",.0f")),
                ("failed", lambda row: _count(self.figures[row].failed)),
                (f"p50 : bare, c={connections[0]}", self._added_ratio(f"p50 c={connections[0]}")),
                (
                    f"req/s : bare, c={connections[-1]}",
                    self._ratio(f"requests/s c={connections[-1]}"),
                ),
            ],
        )
        if (cost := self._cost_of_records()) is not None:
            yield cost
        if self.scope.large:
            sizes = {"agent": "300 KB of turns", "image": "5 MB image"}
            yield "### Large requests\n\n" + self._table(
                "Added p50 in ms, one connection.",
                [(sizes[k], self._added(f"p50 {k}", ".1f")) for k in self.scope.large],
            )
        unpaced = [paced for paced in self.scope.paced if not paced.rate]
        yield "### Streams, as fast as they go\n\n" + self._table(
            "Chunks a second over all streams, which begin at once on new connections.",
            [(f"{p.streams}", self._plain(f"chunks/s {p.key}", ",.0f")) for p in unpaced],
        )
        for p in (paced for paced in self.scope.paced if paced.rate):
            yield f"### {p.streams} streams at {p.rate:g} tokens a second\n\n" + self._table(
                "From the upstream's sending to the client's reading of the same token, in ms; to "
                "the first token from the dialling of a new connection; processor time a token.",
                [
                    ("delay p50", self._plain(f"delay p50 {p.key}", ".1f")),
                    ("delay p99", self._plain(f"delay p99 {p.key}", ".1f")),
                    ("first token p50", self._plain(f"first {p.key}", ",.0f")),
                    ("CPU µs", self._plain(f"cpu {p.key}", ",.0f")),
                    ("memory MB", self._plain(f"memory {p.key}", ",.0f")),
                    ("failed", self._broken(p.key)),
                ],
            )
        yield "### Process\n\n" + self._table(
            "Resident memory in MB (all processes), seconds from the command to the first answer.",
            [
                ("idle", self._plain("memory idle", ",.0f")),
                ("after load", self._plain("memory after load", ",.0f")),
                ("start-up s", self._plain("start-up", ".1f")),
            ],
        )

    def _cost_of_records(self) -> str | None:
        """How many requests a second the records of requests cost; None without both rows."""
        shares: list[str] = []
        for connections in self.scope.connections:
            name = f"requests/s c={connections}"
            kept, none = self.median(RECORDS, name), self.median(NO_RECORDS, name)
            if kept is not None and none:
                shares.append(f"{100 * (1 - kept / none):.1f}% with {connections}")
        if not shares:
            return None
        return (
            "### Records of requests\n\nWith records on (the rows above), fewer requests a second"
            f" than without, by connections: {', '.join(shares)}."
        )

    def _table(self, caption: str, columns: list[tuple[str, Callable[[str], str]]]) -> str:
        lines = [caption, "", "| | " + " | ".join(title for title, _ in columns) + " |"]
        lines.append("|---|" + "---:|" * len(columns))
        for row in self.rows:
            name = f"**{row.name}**" if row.ours else row.name
            lines.append(f"| {name} | " + " | ".join(cell(row.name) for _, cell in columns) + " |")
        return "\n".join(lines)

    def _plain(self, name: str, form: str) -> Callable[[str], str]:
        return lambda row: _shown(self.median(row, name), form)

    def _added(self, name: str, form: str) -> Callable[[str], str]:
        return lambda row: (
            _shown(self.median(row, name), form) + " (whole)"
            if row == DIRECT
            else _shown(self.added(row, name), form)
        )

    def _broken(self, key: str) -> Callable[[str], str]:
        return lambda row: _count(self.figures[row].broken_streams[key])

    def _ratio(self, name: str) -> Callable[[str], str]:
        bare = self.median(BARE, name)
        return lambda row: _divided(self.median(row, name), bare)

    def _added_ratio(self, name: str) -> Callable[[str], str]:
        bare = self.added(BARE, name)
        return lambda row: "" if row == DIRECT else _divided(self.added(row, name), bare)


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _count(failed: int) -> str:
    return str(failed) if failed else ""


def _divided(value: float | None, by: float | None) -> str:
    return "–" if value is None or not by else f"{value / by:.2f}"


def write_page(report: Report, docs: Path, python: Path) -> None:
    """Put the tables into docs/performance.md, between its two marks, and draw the plot beside it
    with a Python that has matplotlib.

    Raises ValueError if the page has no such marks.
    """
    page = docs / "performance.md"
    head, begin, rest = page.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} with its {END}")
    page.write_text(f"{head}{BEGIN}\n\n{report.text()}\n{END}{tail}")
    subprocess.run(
        [python, Path(__file__).with_name("plot.py"), docs / "performance.svg"],
        input=json.dumps(plot_data(report)),
        text=True,
        check=True,
    )


def plot_data(report: Report) -> dict[str, Any]:
    """What the plot shows: latency at the fewest connections, throughput at the most."""
    fewest, most = report.scope.connections[0], report.scope.connections[-1]
    rows = [row.name for row in report.rows if row.name != DIRECT]
    return {
        "rows": rows,
        "marked": [row.name for row in report.rows if row.ours],
        "panels": [
            {
                "title": f"added latency in ms (p50, connections: {fewest})",
                "values": [report.added(row, f"p50 c={fewest}") or 0.0 for row in rows],
            },
            {
                "title": f"requests a second (connections: {most})",
                "values": [report.median(row, f"requests/s c={most}") or 0.0 for row in rows],
            },
        ],
    }
