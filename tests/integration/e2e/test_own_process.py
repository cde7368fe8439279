"""What the router's process leaves behind is for its owner alone, and a hangup ends it well."""

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import httpx2
import pytest

from tests.support.ports import free_port
from tests.support.router import MITMDUMP
from tests.support.router import ROOT
from tests.support.router import Router
from tests.support.router import environment
from tests.support.router import write_config

CONFIG = "providers: [{name: demo, builtin: demo, models: [{name: echo}]}]\ndrain: 0s\n"
ASK = {"model": "demo/echo", "messages": [{"role": "user", "content": "hello there"}]}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("before", ["nothing", "a file", "a link"])
def test_files_of_traffic_are_private(
    start_router: Callable[..., Router], tmp_path: Path, before: str
) -> None:
    dump, har = tmp_path / "out" / "flows", tmp_path / "flows.har"
    dump.parent.mkdir()
    if before == "a file":
        dump.write_text("old")
        har.write_text("old")
    elif before == "a link":
        (tmp_path / "real").write_text("old")
        dump.symlink_to(tmp_path / "real")
    arguments = ("-w", str(dump), "--set", f"hardump={har}")
    router = start_router(CONFIG, *arguments)
    assert mode(dump) == 0o600
    assert mode(router.ca) == 0o644, "others are to trust it"
    answer = httpx2.post(f"{router.url}/v1/chat/completions", json=ASK, timeout=30)
    assert answer.status_code == 200
    router.stop()
    assert mode(dump) == mode(har) == 0o600
    assert b"hello there" in dump.read_bytes() and "hello there" in har.read_text()
    assert dump.is_symlink() == (before == "a link")


def test_a_dump_that_is_added_to_stays_as_it_is(
    start_router: Callable[..., Router], tmp_path: Path
) -> None:
    dump = tmp_path / "flows"
    dump.write_bytes(b"")
    first = start_router(CONFIG, "-w", f"+{dump}")
    httpx2.post(f"{first.url}/v1/chat/completions", json=ASK, timeout=30)
    first.stop()
    assert mode(dump) == 0o600
    dump.chmod(0o640)
    size = dump.stat().st_size
    second = start_router(CONFIG, "-w", f"+{dump}")
    second.wait_logged("other users can read the traffic")
    second.stop()
    assert dump.stat().st_size >= size and mode(dump) == 0o640


def test_dumps_that_are_no_files(start_router: Callable[..., Router]) -> None:
    start_router(CONFIG, "-w", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def begin_stream(port: int) -> HTTPConnection:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    message = {"role": "user", "content": "word " * 100_000}
    body = json.dumps({"model": "demo/echo", "messages": [message], "stream": True})
    connection.request("POST", "/v1/chat/completions", body)
    return connection


def test_a_stop_without_draining_ends_streams(start_router: Callable[..., Router]) -> None:
    router = start_router(CONFIG)
    connection = begin_stream(router.port)
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: ")
    os.kill(router.pid, signal.SIGTERM)
    rest = answer.read()
    assert b'"error"' in rest and rest.rstrip().endswith(b"data: [DONE]")
    connection.close()
    router.stop()


@pytest.mark.parametrize("way", ["launch", "mitmdump"])
def test_a_closed_terminal_ends_streams_as_a_stop_does(tmp_path: Path, way: str) -> None:
    """The router writes to the terminal, which is gone by the time it says goodbye."""
    config, port = write_config(tmp_path / "c.yaml", CONFIG), free_port()
    program = (
        (sys.executable, "-P", str(ROOT / "scripts" / "launch.py"))
        if way == "launch"
        else (str(MITMDUMP), "-s", str(ROOT / "addons" / "router.py"))
    )
    arguments = ("-p", str(port), "--set", f"confdir={tmp_path}", "--flow-detail", "1")
    pid, terminal = pty.fork()
    if not pid:
        command = [*program, *arguments, "--set", f"switchyard_config={config}"]
        os.execvpe(command[0], command, environment(tmp_path))
    said = b""
    while b"switchyard: ready" not in said:
        assert select.select([terminal], [], [], 60)[0], said
        said += os.read(terminal, 4096)
    connection = begin_stream(port)
    answer = connection.getresponse()
    assert answer.readline().startswith(b"data: ")
    os.close(terminal)
    rest = answer.read()
    _, status = os.waitpid(pid, 0)
    assert b'"error"' in rest and rest.rstrip().endswith(b"data: [DONE]"), rest[-300:]
    assert os.waitstatus_to_exitcode(status) == 0
    connection.close()


def test_nohup_is_heeded(tmp_path: Path) -> None:
    config, port = write_config(tmp_path / "c.yaml", CONFIG), free_port()
    launch = (sys.executable, "-P", str(ROOT / "scripts" / "launch.py"))
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *launch, "-p", str(port),
         "--set", f"confdir={tmp_path}", "--config", str(config)],
        env=environment(tmp_path), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        assert any("switchyard: ready" in line for line in process.stdout)
        process.send_signal(signal.SIGHUP)
        health = httpx2.get(f"http://127.0.0.1:{port}/health")
        assert health.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_the_demo_knows_no_keys(start_router: Callable[..., Router], tmp_path: Path) -> None:
    router = start_router(CONFIG, env={"OPENAI_API_KEY": "sk-of-ours-7788"})
    children = Path(f"/proc/{router.pid}/task/{router.pid}/children")
    if not children.exists():
        pytest.skip("NOT TRIED: looks for its children in /proc")
    (demo,) = children.read_text().split()
    theirs = Path(f"/proc/{demo}/environ").read_bytes()
    assert b"sk-of-ours" not in theirs and b"KEY" not in theirs
