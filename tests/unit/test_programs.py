"""How commands are called in a checkout and where the package is installed."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from switchyard import programs
from tests.support.router import ROOT


def test_a_checkout_has_scripts() -> None:
    assert programs.program_of("usage") == "scripts/usage"
    assert shlex.split(programs.path_of("usage")) == [str(ROOT / "scripts" / "usage")]


def test_words_run_a_command_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [*programs.words_of("path")], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("router.py\n")


def test_an_installed_package_has_one_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "IS_INSTALLED", True)
    beside = tmp_path / "a folder" / "switchyard"
    beside.parent.mkdir()
    beside.touch()
    monkeypatch.setattr(sys, "executable", str(beside.with_name("python")))
    assert programs.program_of("usage") == "switchyard usage"
    assert shlex.split(programs.path_of("usage")) == [str(beside), "usage"]


def test_a_package_without_its_program_is_run_as_a_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(programs, "IS_INSTALLED", True)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    words = shlex.split(programs.path_of("usage"))
    assert words == [str(tmp_path / "python"), "-I", "-m", "switchyard", "usage"]
