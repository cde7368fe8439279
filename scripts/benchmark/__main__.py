"""Runs all servers side by side and prints, and writes, what they came to.

Rounds are interleaved: each measures every row once before the next begins, so that what slows the
machine down slows all of them down.
"""

import argparse
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from scripts.benchmark import ours
from scripts.benchmark import peers
from scripts.benchmark import upstreams
from scripts.benchmark.calls import Row
from scripts.benchmark.calls import Server
from scripts.benchmark.calls import Unavailable
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.installing import python_with
from scripts.benchmark.measures import FULL
from scripts.benchmark.measures import QUICK
from scripts.benchmark.measures import Figures
from scripts.benchmark.measures import Scope
from scripts.benchmark.measures import measure_streams
from scripts.benchmark.measures import measure_whole
from scripts.benchmark.measures import warm_up
from scripts.benchmark.processes import Service
from scripts.benchmark.report import Report
from scripts.benchmark.report import write_page
from scripts.benchmark.variants import VARIANTS

HOME = ours.ROOT / ".bench"
_OPEN_FILES = 65_536


def main() -> int:
    options = _options()
    if shutil.which("wrk") is None:
        print("wrk is not installed (Debian, Ubuntu: apt install wrk)", file=sys.stderr)
        return 2
    _raise_file_limit()
    scope = QUICK if options.quick else replace(FULL, rounds=options.rounds)
    servers = (*ours.SERVERS, *VARIANTS)
    if not options.no_peers:
        servers += peers.servers(HOME)
    wanted = [s for s in servers if not options.only or s.name in options.only]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        try:
            plotter = python_with(HOME, "matplotlib") if options.write else None
            report = run(wanted, scope, Path(folder), running)
        except Unavailable as e:
            print(e, file=sys.stderr)
            return 2
    print(report.text())
    if plotter is not None:
        write_page(report, ours.ROOT / "docs", plotter)
    return 0


def run(servers: Iterable[Server], scope: Scope, folder: Path, running: ExitStack) -> Report:
    """Start everything, measure it, and say what was seen. What runs is stopped with `running`."""
    services, target = upstreams.start(_folder(folder, "upstreams"))
    for service in services:
        running.callback(service.stop)
    report = Report(scope)
    started = list(_start(servers, target, folder, running, report))
    for row, service in started:
        _say(f"warming up {row.name}")
        warm_up(row, service, scope.seconds, folder)
    for number in range(1, scope.rounds + 1):
        for row, service in started:
            _say(f"round {number} of {scope.rounds}: {row.name}")
            measure_whole(row, service, scope, report.figures[row.name], folder)
    for row, service in started:
        if service is not None:
            report.figures[row.name].add("memory after load", service.memory())
    for number in range(1, scope.rounds + 1):
        for paced in scope.paced:
            for row, service in started:
                _say(f"round {number} of {scope.rounds}: {row.name}, streams {paced.key}")
                measure_streams(row, service, paced, target, report.figures[row.name])
    return report


def _start(
    servers: Iterable[Server],
    target: Upstreams,
    folder: Path,
    running: ExitStack,
    report: Report,
) -> Iterable[tuple[Row, Service | None]]:
    for server in servers:
        _say(f"starting {server.name}")
        try:
            # Once to have everything unpacked and compiled; its second start is a usual one.
            service, _ = server.start(target, _folder(folder, f"{server.name} before"))
            if service is not None:
                service.stop()
            service, rows = server.start(target, _folder(folder, server.name))
        except (Unavailable, RuntimeError, OSError) as e:
            report.missing[server.name] = str(e)
            _say(f"{server.name} cannot be measured: {e}")
            continue
        if service is not None:
            running.callback(service.stop)
        for row in rows:
            figures = report.figures[row.name] = Figures()
            report.rows.append(row)
            if service is not None:
                figures.add("start-up", service.ready_after)
                figures.add("memory idle", service.memory())
            yield row, service


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works")
    parser.add_argument(
        "--rounds", type=int, default=FULL.rounds, help=f"of each row (default: {FULL.rounds})"
    )
    parser.add_argument("--no-peers", action="store_true", help="install and start no peers")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this server (again)")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    return parser.parse_args()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name.replace("/", "_")
    folder.mkdir()
    return folder


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
