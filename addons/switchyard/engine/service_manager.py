"""Reports to a service manager how the router is: sd_notify(3).

Nothing is reported where the environment names no NOTIFY_SOCKET.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
WATCHDOG = "WATCHDOG=1"

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What the environment of a worker must not have: its parent reports."""

_MICROSECONDS = 1_000_000


def reloading() -> tuple[str, str]:
    """Return the lines that a restart begins with; READY ends it."""
    return "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"


def main_process(pid: int) -> str:
    """Return the line that names another process as that of the service."""
    return f"MAINPID={pid}"


def notify(*lines: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send lines as one message; return whether a service manager listens."""
    place = environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return False
    # A name that begins with @ is an abstract one, which the system writes with a null byte.
    address = f"\0{place[1:]}" if place.startswith("@") else place
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.sendall("\n".join(lines).encode())
        return True
    return False


def watchdog_every(environ: Mapping[str, str] = os.environ) -> float | None:
    """Return the seconds between two signs of life: half of what the manager waits for.

    None where it does not watch this process (sd_watchdog_enabled(3)).
    """
    limit, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID")
    if not limit.isdecimal() or int(limit) <= 0 or pid not in (None, "", str(os.getpid())):
        return None
    return int(limit) / _MICROSECONDS / 2
