"""The load generator wrk, and what it prints."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("wrk.lua")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run came to. Latencies in milliseconds; None where nothing was answered."""

    p50: float | None
    p99: float | None
    per_second: float
    requests: int
    failed: int
    """Answers other than 2xx and 3xx, and broken connections."""


def load(
    url: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    *,
    connections: int,
    seconds: float,
    folder: Path,
) -> Load:
    """Ask again and again over so many connections, for so long."""
    (folder / "body").write_text(json.dumps(body))
    (folder / "headers").write_text("".join(f"{n}: {v}\n" for n, v in headers.items()))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    command += ["--timeout", "30s", "-s", str(_SCRIPT), url]
    environ = {"WRK_BODY": str(folder / "body"), "WRK_HEADERS": str(folder / "headers")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **environ}
    )
    return parse(done.stdout)


def parse(text: str) -> Load:
    """Read wrk's report. Raises ValueError if it is none."""
    latencies = {
        share: float(number) * _UNITS[unit]
        for share, number, unit in re.findall(r"^ +(\d+)% +([\d.]+)(us|ms|s|m) *$", text, re.M)
    }
    speed = re.search(r"^Requests/sec: +([\d.]+)$", text, re.M)
    count = re.search(r"^ +(\d+) requests in ", text, re.M)
    if not speed or not count or "50" not in latencies:
        raise ValueError(f"not a report of wrk: {text[:200]!r}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    errors = re.search(r"Socket errors: (.*)", text)
    broken = sum(int(n) for n in re.findall(r"\d+", errors[1])) if errors else 0
    answered = int(count[1]) > 0
    return Load(
        p50=latencies["50"] if answered else None,
        p99=latencies["99"] if answered else None,
        per_second=float(speed[1]),
        requests=int(count[1]),
        failed=(int(refused[1]) if refused else 0) + broken,
    )
