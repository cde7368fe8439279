"""The files of a service, read back as systemd and launchd read them."""

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

from switchyard.commands.service_files import LABEL
from switchyard.commands.service_files import MARK
from switchyard.commands.service_files import launch_agent
from switchyard.commands.service_files import user_unit

ANALYZE = shutil.which("systemd-analyze")
WORDS = ["/bin/echo", "a folder/my.yaml", "100%n", "$HOME", 'q"\\x', "ünï"]


def line(unit: bytes, key: str) -> str:
    (found,) = (one for one in unit.decode().splitlines() if one.startswith(f"{key}="))
    return found.partition("=")[2]


def test_a_unit_keeps_every_word_as_it_is() -> None:
    command = line(user_unit(WORDS, {}), "ExecStart")
    assert command == ('"/bin/echo" "a folder/my.yaml" "100%%n" "$$HOME" "q\\"\\\\x" "ünï"')


def test_a_unit_has_the_variables() -> None:
    unit = user_unit(["/bin/true"], {"PATH": "/opt/a b:/bin", "XDG_STATE_HOME": "/s/100%/$x"})
    assert 'Environment="PATH=/opt/a b:/bin"\n' in unit.decode()
    assert 'Environment="XDG_STATE_HOME=/s/100%%/$x"\n' in unit.decode()
    assert unit.decode().startswith(f"{MARK}\n[Unit]\n")


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    assert ANALYZE
    file = tmp_path / "switchyard.service"
    file.write_bytes(user_unit(WORDS, {"PATH": os.defpath}))
    done = subprocess.run(
        [ANALYZE, "verify", "--user", str(file)],
        capture_output=True,
        text=True,
        env={"PATH": os.defpath, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("word", ["a\nExecStartPre=/bin/rm", "a\0b", "\x1b[31m"])
def test_a_unit_holds_no_line_that_a_word_begins(word: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        user_unit(["/bin/echo", word], {})
    with pytest.raises(ValueError, match="control characters"):
        user_unit(["/bin/echo"], {"PATH": word})


def test_an_agent_is_the_property_list_that_launchd_reads(tmp_path: Path) -> None:
    log = tmp_path / "a log" / "switchyard.log"
    agent = plistlib.loads(launch_agent(WORDS, {"PATH": "/bin"}, log))
    assert agent["Label"] == LABEL
    assert agent["ProgramArguments"] == WORDS
    assert agent["EnvironmentVariables"] == {"PATH": "/bin"}
    assert agent["StandardOutPath"] == agent["StandardErrorPath"] == str(log)
    assert agent["RunAtLoad"] is True and agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ExitTimeOut"] > 30 and agent["Umask"] == 0o077


def test_an_agent_holds_no_control_characters(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        launch_agent(["/bin/echo", "a\x07b"], {}, tmp_path / "log")
