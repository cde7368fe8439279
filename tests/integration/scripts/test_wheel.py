"""The wheel: what it installs, and that its command runs the router."""

import email
import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.integration.packages import Installed
from tests.integration.packages import answer_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but pip in it."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True, symlinks=True)
    return home


@pytest.fixture(scope="module")
def wheel(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    made = tmp_path_factory.mktemp("wheel")
    pip(home, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(made), str(ROOT))
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def command(home: Path, wheel: Path) -> Path:
    """The command of the installed wheel; nothing else is installed."""
    pip(home, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    return home / "bin" / "switchyard"


def pip(home: Path, *arguments: str) -> None:
    command = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stderr[-2000:]


def test_it_has_one_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"switchyard"}
    for needed in ("py.typed", "entry/router.py", "shipped/default.yaml", "shipped/hosts.yaml"):
        assert f"switchyard/{needed}" in names
    shipped = {name for name in names if name.startswith("switchyard/shipped/presets/")}
    assert len(shipped) == len(list((ROOT / "config" / "shipped" / "presets").iterdir()))


def test_it_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        told = email.message_from_bytes(archive.read(name))
    assert told["Name"] == "switchyard" and told["Requires-Python"] == ">=3.12"
    kinds = told.get_all("Classifier") or []
    assert "Typing :: Typed" in kinds and "Programming Language :: Python :: 3.13" in kinds


def test_help_needs_nothing_installed(command: Path, tmp_path: Path) -> None:
    done = subprocess.run([str(command), "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: switchyard ")
    assert "scripts/start" not in done.stdout


def test_the_first_answer_and_its_record(command: Path, home: Path, tmp_path: Path) -> None:
    # The libraries are those of the environment of the tests, which has all that the wheel names.
    (packages,) = (home / "lib").glob("python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    installed = Installed(home, tmp_path)
    confdir = f"confdir={tmp_path}"
    with installed.running(str(command), "start", "--port", "0", "--set", confdir) as url:
        assert "Hello package" in answer_of(url)
    report = json.loads(installed.say(str(command), "usage", "--json"))
    assert report["totals"]["requests"] == 1
    assert installed.names() == {"switchyard", installed_metadata(packages)}


def installed_metadata(packages: Path) -> str:
    (found,) = packages.glob("switchyard-*.dist-info")
    return found.name


def test_it_is_imported_from_where_it_was_installed(command: Path, home: Path) -> None:
    script = "import switchyard; print(switchyard.__file__)"
    python = [str(home / "bin" / "python"), "-I", "-c", script]
    place = subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(place).is_relative_to(home), f"{place} is not what {command} runs"
    assert sys.prefix not in place
