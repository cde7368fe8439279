"""The unit of the machine's service, as systemd itself judges it."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from switchyard.config.load import parse_config
from switchyard.launch.options import plan_launch
from tests.support.router import ROOT

FOLDER = ROOT / "deploy" / "systemd"
UNIT = FOLDER / "switchyard.service"
ANALYZE = shutil.which("systemd-analyze")
DEFAULT_DRAIN = parse_config(b"providers: [{name: demo, builtin: demo}]", UNIT, {}).drain
MOST_EXPOSED = 2.0
"""By `systemd-analyze security`, from 0 to 10; below 2 it says OK."""

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def values(key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    assert ANALYZE
    # It looks for the program too, which is not here.
    text, count = re.subn(r"^ExecStart=\S+", "ExecStart=/bin/echo", UNIT.read_text(), flags=re.M)
    assert count == 1
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        [ANALYZE, "verify", str(tmp_path / UNIT.name)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_takes_the_socket(tmp_path: Path) -> None:
    assert ANALYZE
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/echo", UNIT.read_text(), flags=re.M)
    (tmp_path / UNIT.name).write_text(text)
    file = tmp_path / "switchyard.socket"
    file.write_text((FOLDER / file.name).read_text())
    done = subprocess.run([ANALYZE, "verify", str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    launch = plan_launch([], {})
    assert f"ListenStream={launch.host}:{launch.port}\n" in file.read_text()


def test_systemd_waits_for_what_the_router_reports() -> None:
    assert values("Type") == ["notify"]
    assert values("ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert int(values("WatchdogSec")[0]) >= 30
    assert int(values("TimeoutStopSec")[0]) > DEFAULT_DRAIN


@needs_systemd
def test_it_is_hardened() -> None:
    assert ANALYZE
    done = subprocess.run(
        [ANALYZE, "security", "--offline=yes", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) < MOST_EXPOSED


def test_the_command_is_understood() -> None:
    (command,) = values("ExecStart")
    program, start, *arguments = shlex.split(command)
    assert (program, start) == ("/opt/switchyard/bin/switchyard", "start")
    launch = plan_launch(arguments, {})
    assert launch.config == "/etc/switchyard/config.yaml"
    assert launch.host == "127.0.0.1"


def test_what_it_writes_is_its_state() -> None:
    (account,) = values("User")
    account_line = (FOLDER / "switchyard.sysusers").read_text().splitlines()[-1]
    kind, name, *_, home = shlex.split(account_line)
    assert (kind, name) == ("u", account)
    (state,) = values("StateDirectory")
    assert home == f"/var/lib/{state}" == values("WorkingDirectory")[0]
    assert f"HOME={home}" in values("Environment")[0].split()
    assert "ReadWritePaths" not in UNIT.read_text()
