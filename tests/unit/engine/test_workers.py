"""Several processes behind one port, as users start them."""

import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from switchyard.engine.workers import reserve
from tests.support.ports import free_port
from tests.support.router import ROOT
from tests.support.router import environment
from tests.support.router import write_config

COUNT = 2
READY = "switchyard: ready"


class Workers:
    """`scripts/start --workers 2`, or what that runs."""

    def __init__(
        self,
        directory: Path,
        config: str = "providers: [{preset: openai}]",
        within: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.port = free_port()
        path = write_config(directory / "switchyard.yaml", config)
        self.process = subprocess.Popen(
            [
                *within,
                *(sys.executable, "-P", str(ROOT / "scripts" / "launch.py")),
                *("--workers", str(COUNT), "--port", str(self.port), "--config", str(path)),
                *("--set", f"confdir={directory}"),
            ],
            env=environment(directory, {"OPENAI_API_KEY": "k"}),
            cwd=directory,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for(self, text: str, times: int = 1) -> None:
        assert self.process.stdout
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            times -= text in line
            if not times:
                return
        raise AssertionError("".join(seen))

    def pids(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def answers(self) -> bool:
        return httpx2.get(f"http://127.0.0.1:{self.port}/health", timeout=60).status_code == 200


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    if sys.platform != "linux":
        pytest.skip("looks for its children in /proc")
    made = Workers(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_one_that_dies_is_followed_and_all_stop_at_once(workers: Workers) -> None:
    workers.wait_for(READY, COUNT)
    first = workers.pids()
    assert len(first) == COUNT and all(workers.answers() for _ in range(8))
    killed = first.pop()
    os.kill(killed, signal.SIGKILL)
    workers.wait_for("starting another one")
    workers.wait_for(READY)
    now = workers.pids()
    assert len(now) == COUNT and killed not in now
    assert all(workers.answers() for _ in range(8))
    workers.process.send_signal(signal.SIGTERM)
    assert workers.process.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in now)


def test_workers_end_with_their_supervisor(workers: Workers) -> None:
    workers.wait_for(READY, COUNT)
    watched = [os.pidfd_open(pid) for pid in workers.pids()]
    workers.process.kill()
    for each in watched:
        # Readable when the process has ended.
        assert select.select([each], [], [], 60)[0]
        os.close(each)


def test_a_bad_configuration_stops_the_start(tmp_path: Path) -> None:
    made = Workers(tmp_path, "providers: [{preset: no-such}]")
    said, _ = made.process.communicate(timeout=90)
    assert made.process.returncode == 1 and "not started" in said


def test_a_port_that_somebody_listens_on_is_refused(tmp_path: Path) -> None:
    with reserve("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1", port))
            worker.listen()
            with pytest.raises(OSError):
                reserve("127.0.0.1", port)


def test_one_that_hangs_is_followed(workers: Workers) -> None:
    workers.wait_for(READY, COUNT)
    hung = workers.pids().pop()
    os.kill(hung, signal.SIGSTOP)
    workers.wait_for("has not responded for")
    workers.wait_for("starting another one")
    workers.wait_for(READY)
    now = workers.pids()
    assert len(now) == COUNT and hung not in now
    assert all(workers.answers() for _ in range(16))


@pytest.mark.skipif(shutil.which("setsid") is None, reason="gives no process a terminal")
def test_a_closed_terminal_stops_all(tmp_path: Path) -> None:
    terminal, its_end = pty.openpty()
    made = Workers(tmp_path, within=("setsid", "--ctty"), stdin=its_end)
    os.close(its_end)
    made.wait_for(READY, COUNT)
    now = made.pids()
    os.close(terminal)
    assert made.process.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in now)


STOPPABLE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sys.stdout.write("begun\\n")
sys.stdout.flush()
time.sleep(600)
"""


def test_a_hung_one_does_not_hold_up_the_stop() -> None:
    """It is woken up, so that it ends by itself: to kill it would take an hour here."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from switchyard.engine import workers\n"
        "workers.STOPS_WITHIN = 3600.0; sys.exit(workers.Supervisor(2, sys.argv[2:]).run())"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "addons"), sys.executable, "-c", STOPPABLE],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert supervisor.stdout
        assert [supervisor.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text()
        os.kill(int(children.split()[0]), signal.SIGSTOP)
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(120) == 0
    finally:
        supervisor.kill()
        supervisor.wait()
        assert supervisor.stdout
        supervisor.stdout.close()


BEATING = """
import os, sys, time
pipe = int(os.environ["SWITCHYARD_WORKER_BEATS"])
print("begun", flush=True)
for _ in range(int(sys.argv[1])):
    os.write(pipe, b".")
    time.sleep(0.05)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("beats", "hung_after", "hangs"), [(3, 0.5, True), (0, 0.5, False), (100_000, 4.0, False)]
)
def test_who_hangs(beats: int, hung_after: float, hangs: bool) -> None:
    """One that has not begun to serve may take its time; one that beats is well."""
    command = [sys.executable, "-c", BEATING, str(beats)]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from switchyard.engine import workers\n"
        f"sys.exit(workers.Supervisor(1, sys.argv[2:], hung_after={hung_after}).run())"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", code, str(ROOT / "addons"), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert supervisor.stdout and supervisor.stdout.readline() == "begun\n"
        if hangs:
            assert "has not responded for" in supervisor.stdout.readline()
            assert "ended (signal 9); starting another one" in supervisor.stdout.readline()
            assert supervisor.stdout.readline() == "begun\n"
        else:
            # A time in which the other one is killed.
            assert not select.select([supervisor.stdout], [], [], 1 + 1.25 * hung_after)[0]
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(60) == 0
    finally:
        supervisor.kill()
        supervisor.wait()
        assert supervisor.stdout
        supervisor.stdout.close()
