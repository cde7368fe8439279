"""Environments beside the project's own, kept in a folder for the next run."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark.calls import Unavailable

VERSIONS = {
    "litellm[proxy]": "1.106.2",
    "9router": "0.5.69",
    "better-sqlite3": "12.11.1",
    "@musistudio/claude-code-router": "2.0.0",
    "@portkey-ai/gateway": "1.15.2",
    "matplotlib": "3.10.8",
}
_WITHIN = 900.0


def python_with(home: Path, package: str) -> Path:
    """A Python that has the package. Raises Unavailable."""
    place = home / package.partition("[")[0]
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        _run([sys.executable, "-m", "venv", "--clear", str(place)])
        wanted = f"{package}=={VERSIONS[package]}"
        _run([str(python), "-m", "pip", "install", "--quiet", wanted])
        (place / "installed").touch()
    return python


def npm_package(home: Path, *packages: str) -> Path:
    """Install packages of npm, and return the folder of the first. Raises Unavailable."""
    place = home / packages[0].replace("/", "_")
    if not (place / "installed").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise Unavailable("npm is not installed")
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text("{}")
        wanted = [f"{package}@{VERSIONS[package]}" for package in packages]
        _run([npm, "install", "--no-audit", "--no-fund", *wanted], cwd=place)
        (place / "installed").touch()
    return place / "node_modules" / packages[0]


def _run(command: Sequence[str], cwd: Path | None = None) -> None:
    """Run an installation. Raises Unavailable with the end of what it said if it fails."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_WITHIN)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{name} took too long") from None
    if done.returncode:
        raise Unavailable(f"{name} failed: {done.stderr.strip()[-300:]}")
