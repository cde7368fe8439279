"""Installs the tools, each into a directory of its own below a cache."""

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from platformdirs.unix import Unix
from ruamel.yaml import YAML

from tests.support.router import ROOT

PINNED = Path(__file__).with_name("pinned.yaml")

_PATIENCE = 600.0
"""Seconds for one installation."""
_REACHED = 40.0
"""Seconds for the registry to show that it is there: npm itself would wait for minutes."""

_NPM_OPTIONS = (
    *("--no-audit", "--no-fund", "--no-save", "--loglevel=error"),
    *("--fetch-retries=1", "--fetch-retry-mintimeout=1000"),
)


class NotInstalled(Exception):
    """A tool cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """What is installed for a tool."""

    name: str
    version: str
    registry: str = "npm"
    bin: str = "node_modules/.bin"
    beside: tuple[str, ...] = ()
    """Further packages, each with its version."""

    @property
    def specifier(self) -> str:
        joint = "==" if self.registry == "pypi" else "@"
        return f"{self.name}{joint}{self.version}"


@functools.cache
def libraries() -> Mapping[str, Package]:
    """What scripts of `libraries/` import, by the scripts' word for it."""
    data = YAML(typ="safe").load(PINNED)
    return {
        name: Package(
            entry["package"],
            str(entry["version"]),
            registry=entry.get("from", "pypi"),
            bin="node_modules/.bin" if entry.get("from") == "npm" else "bin",
            beside=tuple(entry.get("beside", ())),
        )
        for name, entry in data["libraries"].items()
    }


def place_of(package: Package) -> Path:
    """Where a package is installed, or would be."""
    name = package.name.partition("[")[0].strip("@").replace("/", "-")
    return cache() / f"{name}-{package.version}"


@functools.cache
def pinned() -> tuple[Package, Mapping[str, Package]]:
    """The Node that runs the tools, and the tools by their commands."""
    data = YAML(typ="safe").load(PINNED)
    node = data["node"]
    tools = {
        name: Package(
            entry["package"],
            entry["version"],
            registry=entry.get("from", "npm"),
            bin="bin" if entry.get("from") == "pypi" else "node_modules/.bin",
        )
        for name, entry in data["tools"].items()
    }
    return Package(node["package"], node["version"], bin=node["bin"]), tools


def cache() -> Path:
    """Where tools are kept from one run to the next."""
    if place := os.environ.get("SWITCHYARD_TOOLS"):
        return Path(place)
    return Unix("switchyard", appauthor=False).user_cache_path / "tools"


def search_path(tool: str) -> str:
    """A PATH on which the tool is, after installing it where that has not been done.

    Raises NotInstalled; what could not be had once is not tried again.
    """
    found = _search_path(tool)
    if isinstance(found, NotInstalled):
        raise found
    return found


@functools.cache
def _search_path(tool: str) -> str | NotInstalled:
    node, tools = pinned()
    tools = {**tools, **libraries()}
    system = os.environ.get("PATH", os.defpath)
    try:
        places = [install(tools[tool])]
        if tools[tool].registry == "npm":
            places.append(install(node))
    except NotInstalled as error:
        return error
    return os.pathsep.join((*map(str, places), system))


def install(package: Package) -> Path:
    """The directory with the package's commands. Raises NotInstalled."""
    place = place_of(package)
    stamp = place / "installed"
    if stamp.exists():
        return place / package.bin
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            _fetch(package, place)
            stamp.touch()
    return place / package.bin


def _fetch(package: Package, place: Path) -> None:
    if package.registry == "pypi":
        python = place / "bin" / "python"
        _run([_python_312(), "-m", "venv", str(place)])
        _run([str(python), "-m", "pip", "install", "-q", package.specifier, *package.beside])
        return
    if shutil.which("npm") is None:
        raise NotInstalled("there is no npm here")
    wanted = package.specifier
    _run(["npm", "view", *_NPM_OPTIONS, wanted, "version"], _REACHED)
    _run(["npm", "install", "--prefix", str(place), *_NPM_OPTIONS, wanted, *package.beside])


def _python_312() -> str:
    find = f'. "{ROOT}/scripts/lib/python.sh"; first_python 12'
    if sys.version_info[:2] == (3, 12):
        return sys.executable
    found = subprocess.run(["sh", "-c", find], capture_output=True, text=True, check=False)
    if not found.stdout.strip():
        raise NotInstalled("there is no Python 3.12 here")
    return found.stdout.strip()


def _run(command: list[str], within: float = _PATIENCE) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{_title(command)} did not end in {within:.0f} s") from error
    except OSError as error:
        raise NotInstalled(f"{_title(command)} failed: {error}") from error
    if done.returncode:
        said = " ".join(done.stdout.split())
        raise NotInstalled(f"{_title(command)} failed: {said[:200]}")


def _title(command: Sequence[str]) -> str:
    """What a command is called in messages: no paths of this machine."""
    return f"{Path(command[0]).name} {command[1]}"
