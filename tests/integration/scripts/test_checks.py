"""scripts/test: what it says and how it ends, without running any real check."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.router import ROOT


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_only_helps(option: str, tmp_path: Path):
    copied = tmp_path / "scripts" / "test"
    copied.parent.mkdir()
    copied.write_text((ROOT / "scripts" / "test").read_text())
    done = subprocess.run(
        ["/bin/sh", str(copied), "--unit", option], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: scripts/test") and not done.stderr


@pytest.mark.parametrize(
    ("failing", "name"),
    [("ruff check", "ruff"), ("--no-cache", "contracts"), ("-m pytest", "pytest"), ("-", "ruff")],
)
def test_what_fails_is_named_at_the_end(failing: str, name: str, tmp_path: Path):
    done = run_with(tmp_path, failing)
    assert done.returncode == 1
    assert "-m pytest" in done.stdout, "it runs although an earlier check failed"
    assert done.stdout.splitlines()[-1].startswith(f"FAILED: {name}")


def test_what_passes_ends_with_what_pytest_says(tmp_path: Path):
    done = run_with(tmp_path, "nothing")
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.splitlines()[-1].startswith("-m pytest")


TESTS = """
import os

def test_sound():
    pass

def test_disturbed():
    assert "PYTEST_XDIST_WORKER" not in os.environ

def test_{name}():
    assert {holds}
"""


@pytest.mark.parametrize(("name", "holds"), [("right", True), ("wrong", False)])
def test_what_fails_beside_others_runs_again_alone(name: str, holds: bool, tmp_path: Path):
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "test_some.py").write_text(TESTS.format(name=name, holds=holds))
    runs = f". {ROOT}/scripts/lib/tests.sh; workers='-n 2' paths=; run_tests"
    outside = {key: value for key, value in os.environ.items() if "PYTEST" not in key}
    done = subprocess.run(
        ["/bin/sh", "-c", runs],
        cwd=tmp_path,
        env=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    again = done.stdout.partition("== again, by itself: what failed")[2]
    assert done.returncode == (0 if holds else 1), done.stdout + done.stderr
    assert "PASSED test_some.py::test_disturbed" in again and "test_sound" not in again
    assert ("FLAKY" in again) == holds
    assert ("FAILED test_some.py::test_wrong" in again) != holds


def run_with(tmp_path: Path, failing: str) -> subprocess.CompletedProcess[str]:
    """scripts/test with programs that show their arguments, and fail if `failing` is in them."""
    scripts = tmp_path / "scripts"
    shutil.copytree(ROOT / "scripts" / "lib", scripts / "lib")
    shutil.copy(ROOT / "scripts" / "test", scripts)
    (scripts / "lib" / "python.sh").write_text("find_python() { echo true; }\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "lint-imports"):
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "$@"\ncase $* in *"{failing}"*) exit 3; esac\n')
        program.chmod(0o755)
    command = ["/bin/sh", str(scripts / "test")]
    return subprocess.run(command, capture_output=True, text=True, check=False)
