"""What a service manager is told."""

import os
import socket
from pathlib import Path

import pytest

from switchyard.engine.service_manager import main_process
from switchyard.engine.service_manager import notify
from switchyard.engine.service_manager import reloading
from switchyard.engine.service_manager import watchdog_every


@pytest.mark.parametrize("abstract", [False, True])
def test_lines_are_one_message(tmp_path: Path, abstract: bool) -> None:
    name = f"@switchyard-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name[1:]}" if abstract else name)
        manager.settimeout(60)
        assert notify(main_process(7), "READY=1", environ={"NOTIFY_SOCKET": name})
        assert manager.recv(100) == b"MAINPID=7\nREADY=1"


@pytest.mark.parametrize("place", ["", "relative", "/no/such/socket"])
def test_nobody_listens(place: str) -> None:
    assert not notify("READY=1", environ={"NOTIFY_SOCKET": place})
    assert not notify("READY=1", environ={})


def test_a_restart_begins_at_a_time() -> None:
    word, since = reloading()
    assert word == "RELOADING=1"
    assert int(since.removeprefix("MONOTONIC_USEC=")) > 0


@pytest.mark.parametrize(
    ("limit", "pid", "seconds"),
    [
        ("30000000", "own", 15.0),
        ("30000000", None, 15.0),
        ("30000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_who_is_watched(limit: str | None, pid: str | None, seconds: float | None) -> None:
    named = {"WATCHDOG_USEC": limit, "WATCHDOG_PID": str(os.getpid()) if pid == "own" else pid}
    environ = {name: value for name, value in named.items() if value is not None}
    assert watchdog_every(environ) == seconds
