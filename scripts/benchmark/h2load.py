"""The load generator h2load (nghttp2), for clients that speak HTTP/2."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.benchmark.wrk import Load


def load(
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    *,
    connections: int,
    seconds: float,
    folder: Path,
) -> Load:
    """Ask again and again over so many connections, one request at a time on each."""
    (folder / "body").write_text(json.dumps(body))
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", f"-c{connections}", "-m1", f"-D{max(1, round(seconds))}"]
    command += [f"--log-file={log}", "-d", str(folder / "body")]
    for name, value in {"content-type": "application/json", **headers}.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return parse(done.stdout, log.read_text())


def parse(text: str, log: str) -> Load:
    """Read h2load's report, and its log of one request a line: begin, status, microseconds.

    Raises ValueError if it is no report, or the server did not speak HTTP/2.
    """
    speed = re.search(r"^finished in .*, ([\d.]+) req/s", text, re.M)
    counts = re.search(r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", text, re.M)
    if not speed or not counts or "\nApplication protocol: h2\n" not in text:
        raise ValueError(f"not a report of h2load: {text[:200]!r}")
    rows = [line.split("\t") for line in log.splitlines()]
    times = sorted(int(row[2]) / 1000 for row in rows if len(row) > 2 and row[1] == "200")
    return Load(
        p50=times[len(times) // 2] if times else None,
        p99=times[min(len(times) * 99 // 100, len(times) - 1)] if times else None,
        per_second=float(speed[1]),
        requests=int(counts[1]),
        failed=int(counts[2]) + int(counts[3]),
    )
