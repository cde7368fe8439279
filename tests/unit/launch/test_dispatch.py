"""The first word of the command line."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from switchyard.launch.dispatch import ALIASES
from switchyard.launch.dispatch import COMMANDS
from switchyard.launch.dispatch import command_of
from switchyard.launch.dispatch import listed
from switchyard.launch.dispatch import run_command
from tests.support.router import ROOT


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ([], None),
        (["--port", "usage"], None),
        (["my.yaml"], None),
        (["start"], None),
        (["./usage"], None),
        (["usage", "daily"], ["usage", "daily"]),
        (["run", "claude"], ["run-with", "claude"]),
        (["run-with", "claude"], ["run-with", "claude"]),
        (["generate-key", "ann"], ["keys", "generate", "ann"]),
    ],
)
def test_the_first_word_alone_names_a_command(
    arguments: list[str], command: list[str] | None
) -> None:
    assert command_of(arguments) == command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    assert callable(importlib.import_module(command.module).main)
    assert f"{name} " in listed() and command.summary in listed()


def test_aliases_name_commands() -> None:
    assert {words[0] for words in ALIASES.values()} <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(name, "--help")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ")


def test_trust_needs_nothing_installed() -> None:
    """`scripts/ca` runs before the environment is made: `-S` hides what is installed."""
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts" / "launch.py"), "ca", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: scripts/ca" in done.stdout


def test_the_watcher_of_redirected_traffic_is_a_command_too() -> None:
    """`intercept up` starts it by the same words, and nobody reads what it prints."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert run_command("intercept", "watch", "--pid", str(ended.pid)) == 0


PRINTING = [
    ["usage"],
    ["keys", "list", "--file", "keys.yaml"],
    ["config", "get"],
    ["login", "list"],
]


def printing(words: list[str], out: int, folder: Path, buffered: str) -> tuple[int, str]:
    env = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder),
           "XDG_CONFIG_HOME": str(folder), "PYTHONUNBUFFERED": buffered}  # fmt: skip
    command = [sys.executable, str(ROOT / "scripts" / "launch.py"), *words]
    done = subprocess.run(
        command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, env=env, cwd=folder
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_a_reader_that_leaves_is_no_failure(
    words: list[str], buffered: str, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert printing(words, writer, tmp_path, buffered) == (0, "")
    finally:
        os.close(writer)


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written_is_a_failure(
    words: list[str], buffered: str, tmp_path: Path
) -> None:
    with open("/dev/full", "wb") as full:
        status, told = printing(words, full.fileno(), tmp_path, buffered)
    assert status == 1
    assert told == f"{words[0]}: the output cannot be written: No space left on device\n"
