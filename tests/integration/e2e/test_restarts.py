"""A new process takes the router's place: no refused connection, no broken stream."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.restarts import Load
from tests.integration.restarts import begin
from tests.integration.restarts import note_of
from tests.integration.restarts import reaction
from tests.integration.restarts import restart
from tests.integration.restarts import stop
from tests.integration.restarts import until
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.router import environment
from tests.support.upstream import Upstream


class ServiceManager:
    """What systemd hears of a service."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(place))
        self._socket.settimeout(60)

    def next(self) -> list[str]:
        """The lines of the next message that is no sign of life."""
        while (lines := self._socket.recv(4096).decode().split("\n")) == ["WATCHDOG=1"]:
            pass
        return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    made = ServiceManager(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def start(upstream: Upstream, tmp_path: Path) -> Iterator[Callable[..., Router]]:
    started: list[Router] = []
    upstream.on("m", always=reaction)

    def begin_one(*arguments: str, **env: str) -> Router:
        started.append(begin(tmp_path, upstream, *arguments, **env))
        return started[0]

    yield begin_one
    for router in started:
        if (note := note_of(router)) is not None:
            os.kill(note.pid, signal.SIGKILL)
        router.kill()


def run_restart(router: Router) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", str(ROOT / "scripts" / "launch.py"), "restart"]
    state = {"XDG_STATE_HOME": str(router.directory / "state")}
    return subprocess.run(
        [*command, "--port", str(router.port)],
        env=environment(router.directory, state), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_a_process_follows_another(start: Callable[..., Router], manager: ServiceManager) -> None:
    router = start(NOTIFY_SOCKET=str(manager.place), WATCHDOG_USEC="60000000")
    assert manager.next() == ["READY=1"]
    good = router.config_path.read_text()
    with Load(router.port).running() as load:
        done = run_restart(router)
        second = note_of(router)
        assert done.returncode == 0 and second is not None and second.pid != router.pid
        assert done.stdout == f"restarted: process {second.pid} serves\n"
        assert manager.next()[0] == "RELOADING=1"
        assert manager.next() == [f"MAINPID={second.pid}", "READY=1"]
        router.config_path.write_text("providers: [{preset: no-such}]")
        failed = run_restart(router)
        assert failed.returncode == 1 and "unknown preset 'no-such'" in failed.stderr
        assert manager.next()[0] == "RELOADING=1" and manager.next() == ["READY=1"]
        router.config_path.write_text(good)
        third = restart(router, note_of(router) or second)
    assert not load.problems and load.counts["streams"] and load.counts["responses"]
    assert manager.next()[0] == "RELOADING=1"
    assert manager.next() == [f"MAINPID={third.pid}", "READY=1"]
    stop(router)
    assert manager.next() == ["STOPPING=1"]
    assert "no router of this user listens on port" in run_restart(router).stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks for its children in /proc")
def test_workers_follow_others(start: Callable[..., Router], manager: ServiceManager) -> None:
    router = start("--workers", "2", NOTIFY_SOCKET=str(manager.place))
    assert manager.next() == ["READY=1"]
    children = Path(f"/proc/{router.pid}/task/{router.pid}/children")
    before = note_of(router)
    old = children.read_text().split()
    assert before is not None
    with Load(router.port).running() as load:
        after = restart(router, before)
        assert after.pid == router.pid and after.attempts == 1
        new = set(children.read_text().split()) - set(old)
        router.config_path.write_text("providers: [{preset: no-such}]")
        failed = run_restart(router)
        assert failed.returncode == 1 and "ended (status 1)" in failed.stderr
    assert not load.problems and load.counts["streams"] and load.counts["responses"]
    assert len(new) == 2
    until(lambda: set(children.read_text().split()) == new, "old workers stay")
    assert [manager.next()[0] for _ in range(4)] == ["RELOADING=1", "READY=1"] * 2
    stop(router)
    assert manager.next() == ["STOPPING=1"]
