"""scripts/test: what it says and how it ends, without running any real check."""

import shutil
import subprocess
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
