"""scripts/lib/python.sh, with stand-ins for the interpreters of a machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON_SH = Path(__file__).parents[3] / "scripts" / "lib" / "python.sh"


class Machine:
    """A machine whose PATH, home and interpreters a test makes up."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home dir"
        self.project = root / "project"
        self.path = [root / "shims", root / "bin"]
        self.environ: dict[str, str] = {}
        for directory in (self.home, self.project, *self.path):
            directory.mkdir()
        cat = shutil.which("cat")
        assert cat is not None
        (self.path[1] / "cat").symlink_to(cat)

    def add(self, path: Path, script: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    def add_python(self, path: Path, version: str) -> Path:
        """A Python that answers the probe with its version."""
        return self.add(path, f"echo {version}")

    def add_broken(self, path: Path) -> Path:
        """What a pyenv shim of a version that is not selected does."""
        return self.add(path, 'echo "pyenv: command not found" >&2; exit 127')

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.pathsep.join(map(str, self.path)), "HOME": str(self.home)}
        return subprocess.run(
            ["/bin/sh", "-euc", f'. "$0"; {script}', str(PYTHON_SH), *arguments],
            env=environ | self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def find(self) -> Path:
        result = self.run('find_python "$1"', str(self.project))
        assert result.returncode == 0, result.stderr
        return Path(result.stdout.removesuffix("\n"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_failing_shims_are_passed_over_for_what_pyenv_holds(machine: Machine):
    machine.add_broken(machine.path[0] / "python3.13")
    machine.add_broken(machine.path[0] / "python3.12")
    machine.add_python(machine.path[0] / "python3", "3.11")
    versions = machine.home / ".pyenv" / "versions"
    machine.add_python(versions / "3.12.1" / "bin" / "python3.12", "3.12")
    wanted = machine.add_python(versions / "3.13.0" / "bin" / "python3.13", "3.13")
    assert machine.find() == wanted


def test_a_failing_shim_does_not_hide_a_later_one_on_path(machine: Machine):
    machine.add_broken(machine.path[0] / "python3.13")
    wanted = machine.add_python(machine.path[1] / "python3.13", "3.13")
    assert machine.find() == wanted


def test_a_313_anywhere_is_better_than_a_312_on_path(machine: Machine):
    machine.add_python(machine.path[0] / "python3.12", "3.12")
    root = machine.home / "elsewhere"
    machine.environ["PYENV_ROOT"] = str(root)
    wanted = machine.add_python(root / "versions" / "3.13.9" / "bin" / "python3.13", "3.13")
    assert machine.find() == wanted


def test_312_serves_where_there_is_no_313(machine: Machine):
    machine.add_broken(machine.path[0] / "python3.13")
    wanted = machine.add_python(machine.path[1] / "python3", "3.12")
    assert machine.find() == wanted


def test_the_version_counts_and_not_the_name(machine: Machine):
    machine.add_python(machine.path[0] / "python3.13", "3.11")
    wanted = machine.add_python(machine.path[1] / "python3", "3.13")
    assert machine.find() == wanted


def test_the_environment_of_the_project_comes_first(machine: Machine):
    machine.add_python(machine.path[0] / "python3.13", "3.13")
    wanted = machine.add_python(machine.project / ".venv" / "bin" / "python", "3.12")
    assert machine.find() == wanted


@pytest.mark.parametrize("version", ["3.11", "3.14"])
def test_an_environment_of_another_version_is_not_used(machine: Machine, version: str):
    machine.add_python(machine.project / ".venv" / "bin" / "python", version)
    wanted = machine.add_python(machine.path[0] / "python3.13", "3.13")
    assert machine.find() == wanted


def test_an_environment_whose_python_is_gone_is_not_used(machine: Machine):
    (machine.project / ".venv" / "bin").mkdir(parents=True)
    (machine.project / ".venv" / "bin" / "python").symlink_to("/gone/python3.13")
    wanted = machine.add_python(machine.path[0] / "python3.13", "3.13")
    assert machine.find() == wanted


UV = """
case "$*" in
    "python find"*" 3.13")
        [ "$UV_PYTHON_PREFERENCE" = only-managed ] && [ -x "{managed}" ] && echo "{managed}"
        ;;
    "python install 3.13") {install} ;;
    *) exit 2 ;;
esac
"""


def test_a_python_managed_by_uv_is_found(machine: Machine):
    managed = machine.add_python(machine.home / "uv" / "python3.13", "3.13")
    machine.add(machine.path[1] / "uv", UV.format(managed=managed, install="exit 1"))
    assert machine.find() == managed


def test_uv_fetches_one_where_there_is_none(machine: Machine):
    source = machine.add_python(machine.home / "download", "3.13")
    managed = machine.home / "python3.13"
    install = f'echo fetching; /bin/mv "{source}" "{managed}"'
    machine.add(machine.home / ".local/bin/uv", UV.format(managed=managed, install=install))
    assert machine.find() == managed


def test_without_any_it_says_what_to_do(machine: Machine):
    unusable = machine.add_broken(machine.path[1] / "python3.13")
    machine.add_python(machine.path[0] / "python3", "3.14")
    machine.add(machine.path[1] / "uv", UV.format(managed="/gone", install="exit 1"))
    result = machine.run('find_python "$1"', str(machine.project))
    assert result.returncode == 1
    assert result.stdout == ""
    assert "needs Python 3.13" in result.stderr
    assert f"{unusable} is there, but does not run" in result.stderr
    assert "uv python install 3.13" in result.stderr


def test_the_probe_tells_the_version_of_a_real_python(machine: Machine):
    result = machine.run('python_version "$1"', sys.executable)
    assert result.stdout.strip() == f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_probe_refuses_a_python_that_cannot_make_environments(machine: Machine, tmp_path: Path):
    # As on Debian without python3-venv: the interpreter runs, `import ensurepip` fails.
    crippled = tmp_path / "python3.13"
    block = "import sys; sys.modules['ensurepip'] = None; exec(sys.argv[1])"
    machine.add(crippled, f'exec "{sys.executable}" -I -c "{block}" "$3"')
    assert machine.run('python_version "$1"', str(crippled)).returncode != 0
    machine.add(crippled, f'exec "{sys.executable}" -I -c "import sys; exec(sys.argv[1])" "$3"')
    assert machine.run('python_version "$1"', str(crippled)).returncode == 0


def become(machine: Machine, *arguments: str) -> list[str]:
    """What `launch` runs at the end, as a line for each argument."""
    result = machine.run('launch "$@"', str(machine.project), *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_a_command_goes_straight_into_an_environment_that_is_ready(machine: Machine):
    own = machine.project / ".venv" / "bin" / "python"
    machine.add(own, 'case $3 in */ready.py) ;; *) printf "%s\\n" "$@" ;; esac')
    launched = ["-P", f"{machine.project}/scripts/launch.py", "usage", "two words", ""]
    assert become(machine, "usage", "two words", "") == launched


def test_a_command_looks_at_any_other_environment_closely(machine: Machine):
    found = 'case $2 in -c) echo 3.13 ;; *) printf "%s\\n" "$@" ;; esac'
    machine.add(machine.path[1] / "python3.13", found)
    checked = ["-I", f"{machine.project}/scripts/lib/environment.py", "requirements.lock"]
    wanted = [*checked, "scripts/launch.py", "two words"]
    assert become(machine, "two words") == wanted
    # There is one, which is not ready or does not run.
    machine.add_broken(machine.project / ".venv" / "bin" / "python")
    assert become(machine, "two words") == wanted
